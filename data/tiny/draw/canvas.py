"""A small canvas whose pixels are the same on every machine; used by `drawings` alone.

Every shape ends as closed contours in sixteenths of a pixel and is filled in integers, so neither
the processor nor the version of a graphics library shows in the pixels. The only transcendental
numbers are the rounded sines of whole degrees. Randomness comes from `random.Random.random` and
`getrandbits` alone, which Python keeps the same between versions.
"""

import math
import random

import numpy as np

SIN = tuple(round(math.sin(math.radians(degree)), 6) for degree in range(360))
Colour = tuple[int, int, int]
BLACK, WHITE, GLASS = (22, 20, 24), (246, 246, 242), (70, 100, 125)
Points = str | list[tuple[float, float]] | np.ndarray  # a string holds hundredths: "-50,20 0,95"


def sin(degrees: float) -> float:
    """Sine of an angle, rounded to whole degrees."""
    return SIN[round(degrees) % 360]


def cos(degrees: float) -> float:
    """Cosine of an angle, rounded to whole degrees."""
    return SIN[round(degrees + 90) % 360]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` (0–1) of the way from a to b; a share outside goes beyond them."""
    return tuple(min(255, max(0, round(x + (y - x) * share))) for x, y in zip(a, b, strict=True))


def dark(colour: Colour, share: float = 0.35) -> Colour:
    """The colour mixed with black."""
    return mix(colour, (12, 10, 14), share)


def pale(colour: Colour, share: float = 0.4) -> Colour:
    """The colour mixed with white."""
    return mix(colour, (255, 255, 255), share)


def at(points: Points, sx: float = 1, sy: float = 1, x: float = 0, y: float = 0) -> np.ndarray:
    """The points (V, 2), stretched by sx and sy, then moved by x and y.

    >>> at("-50,20 10,95", sx=-1).tolist()
    [[0.5, 0.2], [-0.1, 0.95]]
    """
    if isinstance(points, str):
        points = [[float(v) / 100 for v in pair.split(",")] for pair in points.split()]
    return np.array(points, np.float64) * (sx, sy) + (x, y)


def palette(codes: str) -> list[Colour]:
    """Colours from hexadecimal codes.

    >>> palette("ff8000 102030")
    [(255, 128, 0), (16, 32, 48)]
    """
    return [tuple(bytes.fromhex(code)) for code in codes.split()]


PAINTS = palette("c82828 2850b4 ebebeb 2d2d34 f0be28 328250 a0a5ac dc6e28 6e3c82 5aa0c8")
SKINS = palette("ecc4a4 c69670 80583e f4d2ba")


class Dice(random.Random):
    """Random choices from one seed."""

    def between(self, low: float, high: float) -> float:
        """A number between low and high."""
        return low + (high - low) * self.random()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.random() < probability

    def pick(self, options):
        """One of the options."""
        return options[int(self.random() * len(options))]

    def tint(self, colour: Colour, spread: float = 18) -> Colour:
        """The colour, somewhat lighter or darker, its channels a little apart."""
        light = self.between(-spread, spread)
        return tuple(
            min(255, max(0, round(v + light + self.between(-spread, spread) / 2))) for v in colour
        )

    def grid(self, *shape: int) -> np.ndarray:
        """Random bytes of the given shape, as int32 in 0–255."""
        size = math.prod(shape)
        data = self.getrandbits(8 * size).to_bytes(size, "little")
        return np.frombuffer(data, np.uint8).reshape(shape).astype(np.int32)


def curve(points: Points, closed: bool, steps: int = 6) -> np.ndarray:
    """Catmull–Rom spline through the points, (V, 2) float64."""
    p = at(points)
    before, after = (p[-1:], p[:2]) if closed else (p[:1], p[-1:])
    p = np.concatenate([before, p, after])
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    t = (np.arange(steps) / steps)[None, :, None]
    cubic = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t
    path = ((cubic + (3 * b - a - 3 * c + d) * t * t * t) / 2).reshape(-1, 2)
    return path if closed else np.concatenate([path, p[-1:]])


def ring(x: float, y: float, rx: float, ry: float, angle: float = 0, count: int = 24) -> np.ndarray:
    """Corners of an ellipse turned by `angle` degrees, (count, 2) float64."""
    turns = [(rx * cos(360 * i / count), ry * sin(360 * i / count)) for i in range(count)]
    c, s = cos(angle), sin(angle)
    return np.array([(x + px * c - py * s, y + px * s + py * c) for px, py in turns])


def stroke(path: np.ndarray, start: float, end: float) -> list[np.ndarray]:
    """Contours of a round brush of diameter `start` … `end` drawn along the path."""
    radii = [(start + (end - start) * i / (len(path) - 1)) / 2 for i in range(len(path))]
    contours = [ring(x, y, r, r, count=12) for (x, y), r in zip(path, radii, strict=True)]
    for i in range(len(path) - 1):
        dx, dy = path[i + 1] - path[i]
        length = math.sqrt(dx * dx + dy * dy) or 1.0
        across = np.array([-dy / length, dx / length])
        sides = [(i, -1), (i + 1, -1), (i + 1, 1), (i, 1)]
        contours.append(np.array([path[j] + across * radii[j] * side for j, side in sides]))
    return contours


def fill_mask(contours: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """Pixels (height, width) whose centres the contours, in 1/16 pixel, wind around."""
    start = np.concatenate(contours)
    end = np.concatenate([np.roll(points, -1, axis=0) for points in contours])
    down = end[:, 1] > start[:, 1]
    top = np.where(down[:, None], start, end)
    bottom = np.where(down[:, None], end, start)
    first = np.clip((top[:, 1] + 7) // 16, 0, height)
    count = np.clip((bottom[:, 1] + 7) // 16, 0, height) - first
    edge = np.repeat(np.arange(len(top)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)
    dx, dy = (bottom - top)[edge].T
    x_times_dy = top[edge, 0] * dy + dx * (16 * row + 8 - top[edge, 1])
    column = np.clip(-((8 * dy - x_times_dy) // (16 * dy)), 0, width)
    turns = np.bincount(
        row * (width + 1) + column,
        weights=np.where(down, 1, -1)[edge],
        minlength=height * (width + 1),
    )
    return np.cumsum(turns.reshape(height, width + 1), axis=1)[:, :width] != 0


class Canvas:
    """A picture of `width` × `height` pixels, drawn `sampling` times finer and averaged at the end.

    Picture coordinates: (0, 0) is the centre, y points down, the shorter side spans -1 … 1.
    """

    def __init__(self, width: int, height: int, sampling: int):
        self.sampling = sampling
        self.height, self.width = height * sampling, width * sampling
        self.rgb = np.zeros((self.height, self.width, 3), np.int32)
        self.drawn = np.zeros((self.height, self.width), bool)
        side = min(width, height)
        self.half = side * sampling / 2
        self.right, self.low = width / side, height / side  # the borders in picture coordinates
        self.detail = 1 if side < 64 else 3  # how fine the textures are
        self.place()

    def place(self, x=0.0, y=0.0, size=1.0, angle=0, flip=False, stretch=1.0, bend=(0, 0)) -> None:
        """Let what follows be drawn around (x, y), `size` times as large, turned and bent."""
        self.origin = (x, y)
        self.size = (-size * stretch if flip else size * stretch, size / stretch)
        self.turn = (cos(angle), sin(angle))
        self.bend = bend
        self.drawn[:] = False

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        """Own coordinates (V, 2) to 1/16 pixels (V, 2) int64."""
        x, y = points[:, 0], points[:, 1]
        x, y = x + self.bend[0] * y * y, y + self.bend[1] * x * x
        x, y = x * self.size[0], y * self.size[1]
        x, y = x * self.turn[0] - y * self.turn[1], x * self.turn[1] + y * self.turn[0]
        x, y = (x + self.origin[0]) * self.half, (y + self.origin[1]) * self.half
        points = np.stack([x + self.width / 2, y + self.height / 2], axis=1)
        return np.rint(points * 16).astype(np.int64)

    def fill(self, contours, colour, shade=0.25, opacity=1.0, within=None) -> np.ndarray:
        """Fill contours, lighter above and darker below by `shade`; returns the mask (H, W)."""
        contours = [self._pixels(points) for points in contours]
        corners = np.concatenate(contours)
        limit = (self.width, self.height)
        left, top = (int(v) for v in np.clip(corners.min(axis=0) // 16, 0, limit))
        right, low = (int(v) for v in np.clip(corners.max(axis=0) // 16 + 1, 0, limit))
        mask = np.zeros((self.height, self.width), bool)
        if left == right or top == low:
            return mask
        shift = np.array([16 * left, 16 * top])
        local = fill_mask([points - shift for points in contours], low - top, right - left)
        if within is not None:
            local &= within[top:low, left:right]
        mask[top:low, left:right] = local
        self.drawn[top:low, left:right] |= local
        ramp = 256 + round(256 * shade) * (low - top - 1 - 2 * np.arange(low - top)) // (low - top)
        paint = np.clip(ramp[:, None] * np.array(colour) >> 8, 0, 255)  # (rows, 3)
        old = self.rgb[top:low, left:right]
        weight = round(256 * opacity)
        new = (paint[:, None] * weight + old * (256 - weight)) >> 8
        self.rgb[top:low, left:right] = np.where(local[..., None], new, old)
        return mask

    def poly(self, points: Points, colour: Colour, **how) -> np.ndarray:
        """A polygon with straight sides."""
        return self.fill([at(points)], colour, **how)

    def box(self, left, top, right, bottom, colour: Colour, **how) -> np.ndarray:
        """A rectangle."""
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return self.poly(corners, colour, **how)

    def blob(self, points: Points, colour: Colour, **how) -> np.ndarray:
        """A smooth closed outline through the points."""
        return self.fill([curve(points, closed=True)], colour, **how)

    def oval(self, x, y, rx, ry, colour: Colour, angle=0, **how) -> np.ndarray:
        """An ellipse turned by `angle` degrees."""
        return self.fill([ring(x, y, rx, ry, angle)], colour, **how)

    def line(
        self, points: Points, width, colour: Colour, end=None, smooth=True, **how
    ) -> np.ndarray:
        """A round brush along the points, its diameter going from `width` to `end`."""
        path = at(points)
        if smooth and len(path) > 2:
            path = curve(path, closed=False)
        return self.fill(stroke(path, width, width if end is None else end), colour, **how)

    def backdrop(self, top: Colour, bottom: Colour) -> None:
        """A vertical run of colour over the whole picture."""
        share = np.arange(self.height)[:, None]
        run = np.array(top) * (self.height - share) + np.array(bottom) * share
        self.rgb[:] = (run // self.height)[:, None]

    def mottle(self, dice: Dice, cell: float, strength: float, below: float = -9.0) -> None:
        """Patches of light and dark, about `cell` wide, under the height `below`."""
        step = max(1, round(cell * self.half))
        rows, columns = self.height // step + 2, self.width // step + 2
        grid = dice.grid(rows, columns) - 128
        y, x = np.arange(self.height), np.arange(self.width)
        ease = np.arange(step) ** 2 * (3 * step - 2 * np.arange(step)) // step**2  # 0 … step
        fy, fx = ease[y % step][:, None], ease[x % step][None]
        over = grid[y // step] * (step - fy) + grid[y // step + 1] * fy
        patches = over[:, x // step] * (step - fx) + over[:, x // step + 1] * fx
        change = patches * round(256 * strength) // (step * step * 128)
        first = int(np.clip((below * self.half) + self.height / 2, 0, self.height))
        part = self.rgb[first:]
        self.rgb[first:] = np.clip(part + (part * change[first:, :, None] >> 8), 0, 255)

    def soften(self, radius: float) -> None:
        """Put all that is drawn so far out of focus."""
        r = max(1, round(radius * self.half))
        for axis in (0, 1):
            ends = [(r + 1, r) if axis == i else (0, 0) for i in range(3)]
            total = np.cumsum(np.pad(self.rgb, ends, mode="edge"), axis=axis)
            size = self.rgb.shape[axis]
            after = np.take(total, np.arange(2 * r + 1, 2 * r + 1 + size), axis)
            self.rgb = (after - np.take(total, np.arange(size), axis)) // (2 * r + 1)

    def shadow(self, x: float, y: float, strength: float) -> None:
        """Darken where what was drawn since `place` would throw a shadow, moved by x, y > 0."""
        right, down = round(x * self.half), round(y * self.half)
        under = np.zeros_like(self.drawn)
        under[down:, right:] = self.drawn[:-down, :-right]
        under &= ~self.drawn
        self.rgb[under] = self.rgb[under] * round(256 * (1 - strength)) >> 8

    def outline(self, width: float, strength: float) -> None:
        """Darken the picture just outside what was drawn since `place`."""
        grown = self.drawn.copy()
        for _ in range(max(1, round(width * self.half))):
            grown[1:] |= grown[:-1].copy()
            grown[:-1] |= grown[1:].copy()
            grown[:, 1:] |= grown[:, :-1].copy()
            grown[:, :-1] |= grown[:, 1:].copy()
        edge = grown & ~self.drawn
        self.rgb[edge] = self.rgb[edge] * round(256 * (1 - strength)) >> 8

    def pixels(self) -> np.ndarray:
        """The finished picture, (height, width, 3) int32 in 0–255."""
        s = self.sampling
        blocks = self.rgb.reshape(self.height // s, s, self.width // s, s, 3)
        return (blocks.sum(axis=(1, 3)) + s * s // 2) // (s * s)
