"""Classes of different sizes: what is told, and how the loss and the sampler balance them."""

import pytest
import torch
from helpers import small_set
from picture_folders import SMALL, write_pictures
from torch.nn import functional as F

from course_utils.commands.losses import BalancedLoss
from course_utils.data.batches import Batches
from course_utils.data.loading import Loader
from course_utils.store.balance import class_weights, draw_order, image_weights, uneven

LABELS = torch.tensor([0] * 90 + [1] * 9 + [2])


def test_weights_make_the_classes_count_alike():
    weights = class_weights(LABELS, 3)
    sums = torch.zeros(3).index_add(0, LABELS, weights[LABELS])
    assert torch.allclose(sums, torch.full((3,), 100 / 3))
    assert image_weights(LABELS, "none") is None and image_weights(LABELS, "loss") is None


@pytest.mark.parametrize("smallest, told", [(40, False), (30, True), (1, True)])
def test_it_is_told_from_three_to_one_on(smallest, told):
    line = uneven(torch.tensor([0] * 90 + [1] * smallest), ["ants", "bees"])
    assert line.endswith(f"ants has 90 images, bees {smallest}") == told and bool(line) == told


def test_parts_of_a_batch_add_up_to_its_gradient():
    logits = torch.randn(10, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 0, 1, 1, 2])
    loss = BalancedLoss(class_weights(labels, 3).double(), label_smoothing=0.1)
    [whole] = torch.autograd.grad(loss(logits, labels), logits)
    parts = loss(logits[:7], labels[:7]) * 0.7 + loss(logits[7:], labels[7:]) * 0.3
    assert torch.allclose(torch.autograd.grad(parts, logits)[0], whole)
    plain = BalancedLoss(torch.ones(3).double(), label_smoothing=0.1)(logits, labels)
    assert torch.allclose(plain, F.cross_entropy(logits, labels, label_smoothing=0.1))


def test_the_sampler_draws_the_classes_alike_and_every_place_draws_anew():
    generator = torch.Generator().manual_seed(0)
    order, places = draw_order(10_000, torch.rand(10_000), generator)
    assert torch.equal(places, torch.arange(10_000)) and order.unique().numel() < 9_000
    weights = image_weights(LABELS, "sampler")
    drawn = torch.cat([LABELS[draw_order(100, weights, generator)[0]] for _ in range(200)])
    shares = drawn.bincount() / len(drawn)
    assert (shares - 1 / 3).abs().max() < 0.02  # some four standard deviations


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_one_image_drawn_twice_is_cropped_twice(kind, pictures):
    from course_utils import image_splits

    data = small_set(20) if kind == "memory" else image_splits(pictures, size=16).train
    loader = {
        "memory": lambda **o: Batches(data, 10, augment=True, padding=2, **o),
        "folder": lambda **o: Loader(data, 10, **o),
    }[kind](shuffle=True, weights=(torch.arange(len(data)) == 3).float())
    images = torch.cat([images for images, _ in loader]).float().flatten(1)
    assert len(images) == len(data) and len(images.unique(dim=0)) > 5


def test_a_skipped_loader_goes_on_with_the_same_images(pictures):
    from course_utils import image_splits

    data = image_splits(pictures, size=16).train
    told = {"shuffle": True, "weights": image_weights(data.labels, "sampler")}
    whole, rest = Loader(data, 4, **told), Loader(data, 4, **told)
    rest.skip = 1
    for (images, _), (again, _) in zip(list(whole)[1:], rest, strict=True):
        assert torch.equal(images, again)


def test_the_command_tells_it(tmp_path, course):
    root = write_pictures(tmp_path / "data", train=6, val=2)
    for number in range(1, 6):
        (root / "train" / "red" / f"{number}.png").unlink()
    words = ["train", "--data", root, *SMALL, "--epochs", 1, "--model", "cnn", "--weights", "none"]
    for extra, end in (
        ([], "--balance loss or sampler lets them count alike"),
        (["--balance", "loss"], "balanced by the loss"),
        (["--balance", "sampler"], "balanced by the sampler"),
    ):
        code, said, error = course(*words, *extra, "--out", tmp_path / f"run{len(end)}")
        told = [line for line in said.splitlines() if "uneven" in line]
        assert code == 0, error
        assert told == [f"data: uneven classes, 6.0 : 1: blue has 6 images, red 1; {end}"]
