"""The embedded drawings: stand-ins for CIFAR-10, ants and bees, and ImageNet, drawn by code.

Each picture has a seed of its own, made from its set, split, class and number, so any of them can
be redrawn alone and comes out the same on every machine.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from draw import animals, creatures, objects, vehicles
from draw.canvas import Canvas, Dice
from draw.scenes import occlude, scene


@dataclass(frozen=True)
class View:
    """One way to show a class: a figure, its height above its foot (0: centred), its places."""

    figure: Callable[[Canvas, Dice], None]
    height: float
    scenes: str
    spin: int = 8  # degrees to either side
    size: tuple[float, float] = (0.7, 0.95)  # half the figure's width in picture coordinates
    crowd: float = 0.0  # how often a second, smaller one stands behind
    rigid: bool = False  # never stretched or bent


CIFAR10 = {
    "airplane": [
        View(vehicles.plane_side, 0, "sky sky sky sea road meadow", 24),
        View(vehicles.plane_top, 0, "sky sky meadow sea sand road", 180),
        View(vehicles.plane_propeller, 0, "sky sky meadow road snow", 20),
    ],
    "automobile": [
        View(vehicles.car_side, 1.0, "road road meadow sand snow room"),
        View(vehicles.car_front, 1.3, "road road meadow sand snow room", 4, (0.65, 0.9)),
    ],
    "bird": [
        View(animals.bird_perched, 1.5, "meadow forest sky snow leaves sand", 10),
        View(animals.bird_flying, 0, "sky sky sea forest snow meadow", 25, crowd=0.2),
        View(animals.bird_water, 1.2, "pond sea pond", 4, crowd=0.2),
    ],
    "cat": [
        View(animals.cat_standing, 1.45, "room room meadow road snow forest", 6),
        View(animals.cat_sitting, 1.75, "room room meadow leaves sand", 6),
        View(animals.cat_face, 0, "room room leaves meadow plain", 14),
    ],
    "deer": [
        View(animals.deer_standing, 2.0, "meadow forest forest snow road sand", 6, (0.7, 0.9)),
        View(animals.deer_front, 0, "forest meadow leaves snow", 10),
    ],
    "dog": [
        View(animals.dog_standing, 1.45, "meadow room sand snow road forest", 6),
        View(animals.dog_sitting, 1.7, "room meadow sand snow plain", 6),
        View(animals.dog_face, 0, "room meadow leaves plain", 14),
    ],
    "frog": [
        View(animals.frog_side, 1.1, "pond leaves meadow sand forest", 10),
        View(animals.frog_front, 1.2, "pond leaves meadow sand plain", 8),
        View(animals.frog_top, 0, "pond leaves sand road", 180),
    ],
    "horse": [
        View(animals.horse_standing, 1.95, "meadow meadow sand snow forest road", 6, (0.7, 0.92)),
        View(animals.horse_head, 0, "meadow sky forest leaves room", 8),
    ],
    "ship": [
        View(vehicles.ship_steamer, 1.2, "sea", 6),
        View(vehicles.ship_sail, 1.6, "sea", 10, crowd=0.2),
        View(vehicles.ship_cargo, 1.2, "sea", 5),
    ],
    "truck": [
        View(vehicles.truck_side, 1.3, "road road sand meadow snow", 5),
        View(vehicles.truck_front, 1.9, "road road sand meadow snow room", 4, (0.65, 0.85)),
    ],
}
HYMENOPTERA = {
    "ants": [
        View(creatures.ant_top, 0, "leaf soil soil bark bark flower plain", 180, crowd=0.3),
        View(creatures.ant_side, 0.9, "soil bark leaf leaves sand plain", 15, crowd=0.2),
        View(creatures.ant_with_leaf, 1.4, "soil bark leaves leaf", 15, (0.6, 0.8)),
    ],
    "bees": [
        View(creatures.bee_top, 0, "flower flower leaf comb soil bark", 180, (0.6, 0.95), 0.2),
        View(creatures.bee_side, 0, "flower leaves sky meadow leaf plain", 25, (0.6, 0.9), 0.15),
    ],
}
IMAGENET = {
    "n01440764": [  # tench
        View(creatures.fish, 0, "deep deep deep bark soil plain", 15, crowd=0.3),
        View(creatures.fish_held, 0, "pond meadow forest sea", 8, (0.6, 0.8)),
    ],
    "n02102040": [  # English springer
        View(creatures.springer_standing, 1.5, "meadow meadow snow forest sand room", 5),
        View(creatures.springer_face, 0, "meadow leaves room plain", 12),
    ],
    "n02979186": [  # cassette player
        View(objects.cassette_player, 0, "plain bark bark soil", 14, rigid=True),
        View(objects.cassette_walkman, 0, "plain bark bark soil", 25, rigid=True),
    ],
    "n03000684": [  # chain saw
        View(objects.chain_saw, 0, "plain bark soil soil", 25),
        View(objects.chain_saw_cutting, 0, "forest meadow snow", 10),
    ],
    "n03028079": [  # church
        View(objects.church_side, 1.9, "meadow snow road sand", 2, (0.8, 0.95), rigid=True),
        View(objects.church_front, 1.9, "meadow snow road forest", 2, (0.8, 0.95), rigid=True),
    ],
    "n03394916": [View(objects.french_horn, 0, "plain stage stage stage bark", 40)],
    "n03417042": [  # garbage truck
        View(vehicles.garbage_truck, 1.4, "road road meadow snow sand", 3, (0.7, 0.85)),
        View(vehicles.garbage_truck_rear, 1.9, "road road snow meadow", 3, (0.7, 0.85)),
    ],
    "n03425413": [View(objects.gas_pump, 2.0, "road road plain snow meadow", 4, crowd=0.3)],
    "n03445777": [  # golf ball
        View(objects.golf_ball, 0, "meadow leaves sky sand", 8, (0.6, 1.1), rigid=True),
        View(objects.golf_ball_in_grass, 0, "meadow leaves forest", 8, (0.6, 1.1), rigid=True),
    ],
    "n03888257": [  # parachute
        View(objects.parachute_round, 0, "sky sky meadow sea snow", 15, crowd=0.3),
        View(objects.parachute_wing, 0, "sky sky meadow sea sand", 20, crowd=0.3),
    ],
}


@dataclass(frozen=True)
class DrawnSet:
    """One of the sets: folder, classes, pictures per class in each split, sizes, file name."""

    folder: str
    classes: dict[str, list[View]]
    counts: dict[str, int]
    sizes: list[tuple[int, int]]  # (width, height) in pixels
    file: str
    sampling: int = 2
    noise: int = 6


SETS = {
    "cifar10": DrawnSet(
        "cifar10", CIFAR10, {"train": 100, "test": 30}, [(32, 32)], "{index:04}.png", 4, 14
    ),
    "hymenoptera": DrawnSet(
        "hymenoptera_data",
        HYMENOPTERA,
        {"train": 24, "val": 15},
        [(256, 192), (256, 170), (192, 256), (256, 256), (240, 200), (180, 240)],
        "{index:04}.jpg",
    ),
    "imagenet": DrawnSet(
        "imagenet",
        IMAGENET,
        {"train": 12, "val": 5},
        [(200, 150), (150, 200), (180, 180), (200, 160), (160, 190)],
        "{label}_{index:04}.JPEG",
    ),
}


def picture(name: str, split: str, label: str, index: int) -> np.ndarray:
    """One drawing before it becomes a file, (height, width, 3) uint8."""
    drawn = SETS[name]
    d = Dice(f"{name}/{split}/{label}/{index}")
    c = Canvas(*d.pick(drawn.sizes), drawn.sampling)
    _compose(c, d, d.pick(drawn.classes[label]))
    pixels = _develop(c.pixels(), d, drawn.noise)
    # five bits a channel keep the PNG files small
    return pixels & 0xF8 | 4 if drawn.file.endswith("png") else pixels


def _compose(c: Canvas, d: Dice, view: View) -> None:
    """Draw one view at a random place, size, angle and light."""
    size, kind = d.between(*view.size), d.pick(view.scenes.split())
    foot = view.height * size / 2 + d.between(-0.1, 0.1)
    horizon = d.between(foot - 0.5 * size, foot - 0.1) if view.height else d.between(0.0, 0.8)
    scene(c, d, kind, horizon)
    if c.detail > 1 and d.chance(0.6):
        c.soften(d.between(0.01, 0.04))
    if d.chance(view.crowd):
        x, y = d.pick([-1, 1]) * d.between(0.5, 0.8) * c.right, foot - d.between(0.1, 0.4)
        _put(c, d, view, kind, x, y, size * d.between(0.4, 0.6))
    _put(c, d, view, kind, d.between(-0.12, 0.12), foot, size)
    if d.chance(0.12):
        occlude(c, d, fence=view.height > 0 and kind in ("meadow", "road", "snow"))


def _put(c: Canvas, d: Dice, view: View, kind: str, x: float, y: float, size: float) -> None:
    """Draw the figure with its foot at (x, y), and its shadow."""
    if view.height and kind != "sea":
        c.place()
        c.oval(x, y, 0.9 * size, 0.09 * size, (20, 20, 20), opacity=0.35)
    stretch = 1 if view.rigid else d.between(0.92, 1.09)
    bend = (0, 0) if view.rigid else (d.between(-0.06, 0.06), d.between(-0.05, 0.05))
    c.place(x, y, size, d.between(-view.spin, view.spin), d.chance(0.5), stretch, bend)
    view.figure(c, d)
    if not view.height and kind in ("leaf", "soil", "bark", "flower", "comb", "plain"):
        c.shadow(0.04, 0.06, 0.35)
    c.outline(0.03 / c.detail**2, d.between(0.1, 0.4))


def _develop(pixels: np.ndarray, d: Dice, noise: int) -> np.ndarray:
    """Light, blur and grain of the finished picture, (H, W, 3) in 0–255."""
    warm, light = d.between(-18, 18), d.between(215, 285)
    gain = [round(light + warm), round(light), round(light - warm)]
    pixels = (pixels * np.array(gain) >> 8) + round(d.between(-8, 16))
    if d.chance(0.15):
        p = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
        cross = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]
        pixels = (cross + 2 * pixels) // 6
    strength = round(d.between(0.2, 1) * noise)
    grain = d.grid(*pixels.shape[:2], 1) + d.grid(*pixels.shape[:2], 1) - 255  # grey, as of film
    pixels = np.clip(pixels + (grain * strength >> 8), 0, 255)
    return pixels.astype(np.uint8)


def encode(pixels: np.ndarray, file: str) -> bytes:
    """The picture as the bytes of a PNG or, by the file's name, a JPEG file."""
    buffer = io.BytesIO()
    if file.endswith("png"):
        Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    else:
        Image.fromarray(pixels).save(buffer, "JPEG", quality=82, optimize=True)
    return buffer.getvalue()


def files(name: str) -> Iterator[tuple[str, tuple[str, str, int]]]:
    """Every file of a set, as its path under the root and (split, label, index)."""
    drawn = SETS[name]
    for split, count in drawn.counts.items():
        for label in drawn.classes:
            for index in range(count):
                file = drawn.file.format(label=label, index=index)
                yield f"{drawn.folder}/{split}/{label}/{file}", (split, label, index)


def draw(name: str, root: str | Path) -> int:
    """Draw one set ("cifar10", "hymenoptera" or "imagenet") under `root`; returns its bytes."""
    total = 0
    for path, which in files(name):
        target = Path(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        total += target.write_bytes(encode(picture(name, *which), path))
    return total


def draw_all(root: str | Path) -> int:
    """Draw all three sets under `root`; returns their bytes."""
    return sum(draw(name, root) for name in SETS)
