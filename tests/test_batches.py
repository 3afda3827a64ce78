"""Batches against a slow reference, on images whose pixels tell where they came from."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.batches import Batches, all_crops
from course_utils.data.datasets import ImageSet

SIZE, PADDING = 32, 4
PLACES = 2 * PADDING + 1


def coordinates(count: int) -> ImageSet:
    """Images that hold their own number and, from 1, the column and the row; padding is 0.

    The first row and column would be hard to tell from padding if they were 0.
    """
    rows, columns = torch.meshgrid(torch.arange(1, 33), torch.arange(1, 33), indexing="ij")
    images = torch.stack([torch.stack([torch.full_like(rows, n), columns, rows])
                          for n in range(1, count + 1)])  # fmt: skip
    as_they_are = {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}
    return ImageSet(images.byte(), torch.arange(count), ("a", "b"), **as_they_are)


def whereabouts(images: Tensor) -> Tensor:
    """Number, mirrored or not, top and left of each crop (4, N), read from its pixels."""
    middle = images[:, :, 16, 15:17].round().long()  # (N, 3, 2): inside the image in every crop
    number, (left, right), row = middle[:, 0, 0] - 1, middle[:, 1].T, middle[:, 2, 0]
    mirrored = (right < left).long()
    # column 1 + 16 - PADDING stands there in the crop at left = 0, and of the mirror image 33 - c
    column = torch.where(mirrored == 1, 33 - left, left)
    return torch.stack([number, mirrored, row - (17 - PADDING), column - (16 - PADDING)])


def slow_crop(data: ImageSet, number: int, mirrored: int, top: int, left: int) -> Tensor:
    """One augmented, normalised image, step by step."""
    image = data.images[number]
    if mirrored:
        image = image.flip(-1)
    image = F.pad(image, [PADDING] * 4)[:, top : top + SIZE, left : left + SIZE]
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (data.mean, data.std))
    return (image / 255 - mean) / std


def noise(count: int, seed: int = 0) -> ImageSet:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 3, SIZE, SIZE), generator=generator).byte()
    labels = torch.randint(10, (count,), generator=generator)
    return ImageSet(images, labels, ("a",) * 10, (0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


def one_epoch(batches: Batches) -> tuple[Tensor, Tensor]:
    images, labels = zip(*batches)
    return torch.cat(images), torch.cat(labels)


def test_every_image_once_and_another_order_each_epoch():
    data = coordinates(200)
    batches = Batches(data, 32, shuffle=True, augment=True)
    epochs = [one_epoch(batches) for _ in range(3)]
    orders = [whereabouts(images)[0] for images, _ in epochs]
    for order, (_, labels) in zip(orders, epochs):
        assert sorted(order.tolist()) == list(range(200))
        assert torch.equal(order, labels)  # labels follow their images
        assert (order != torch.arange(200)).sum() > 150
    assert not torch.equal(orders[0], orders[1]) and not torch.equal(orders[1], orders[2])


def test_every_crop_is_as_likely():
    batches = Batches(coordinates(250), 50, shuffle=True, augment=True, seed=3)
    draws = 40 * 250
    where = torch.cat([whereabouts(one_epoch(batches)[0]) for _ in range(40)], dim=1)
    _, mirrored, top, left = where
    assert top.min() == left.min() == 0 and top.max() == left.max() == PLACES - 1
    counts = ((mirrored * PLACES + top) * PLACES + left).bincount(minlength=2 * PLACES**2)
    expected = draws / len(counts)
    assert (counts > 0).all()
    assert 0.7 < ((counts - expected) ** 2 / expected).sum() / (len(counts) - 1) < 1.3
    # independent draws, too: an image of the same place in its batch is cropped differently
    assert len(set(zip(*where[1:, :50].tolist()))) > 30


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equals_the_slow_reference(layout):
    data, marks = noise(60), coordinates(60)
    options = {"shuffle": True, "augment": True, "seed": 5, "memory_format": layout}
    for (images, labels), (crops, numbers) in zip(
        Batches(data, 16, **options), Batches(marks, 16, **options), strict=True
    ):
        assert images.dtype == torch.float32 and images.is_contiguous(memory_format=layout)
        assert torch.equal(labels, data.labels[numbers])
        expected = torch.stack([slow_crop(data, *w) for w in whereabouts(crops).T.tolist()])
        assert (images - expected).abs().max() < 2e-6


def test_both_layouts_give_the_same_values():
    options = {"batch_size": 16, "shuffle": True, "augment": True}
    rows = one_epoch(Batches(noise(50), memory_format=torch.contiguous_format, **options))
    last = one_epoch(Batches(noise(50), memory_format=torch.channels_last, **options))
    assert torch.equal(rows[0], last[0]) and torch.equal(rows[1], last[1])


def test_without_augmentation_the_images_are_exact():
    data = noise(33)
    images, labels = one_epoch(Batches(data, 8))
    expected = torch.stack([slow_crop(data, n, 0, PADDING, PADDING) for n in range(33)])
    assert (images - expected).abs().max() < 2e-6
    assert torch.equal(labels, data.labels)  # none is left out, the last batch has one image


def test_the_generator_repeats_an_epoch():
    batches = Batches(noise(40), 8, shuffle=True, augment=True)
    one_epoch(batches)
    state = batches.generator.get_state()
    second = one_epoch(batches)
    third = one_epoch(batches)
    batches.generator.set_state(state)
    again = one_epoch(batches)
    assert torch.equal(again[0], second[0]) and torch.equal(again[1], second[1])
    assert not torch.equal(again[0], third[0])
    assert not torch.equal(
        one_epoch(Batches(noise(40), 8, augment=True, seed=1))[0],
        one_epoch(Batches(noise(40), 8, augment=True, seed=2))[0],
    )


def test_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    one_epoch(Batches(noise(20), 8, shuffle=True, augment=True))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "count, options, sizes",
    [
        (33, {"shuffle": True}, [8, 8, 8, 8]),  # the lone last image would upset batch norm
        (33, {}, [8, 8, 8, 8, 1]),
        (34, {"shuffle": True}, [8, 8, 8, 8, 2]),
        (33, {"shuffle": True, "limit": 3}, [8, 8, 8]),
        (33, {"limit": 9}, [8, 8, 8, 8, 1]),
    ],
)
def test_sizes_of_batches(count, options, sizes):
    batches = Batches(noise(count), 8, **options)
    assert [len(labels) for _, labels in batches] == sizes and len(batches) == len(sizes)


def test_single_images_can_be_batches():
    assert len(Batches(noise(3), 1, shuffle=True)) == 3


@pytest.mark.parametrize(
    "count, options, message",
    [
        (0, {"batch_size": 8}, "no batch of 8 in 0 images"),
        (1, {"batch_size": 8, "shuffle": True}, "no batch of 8 in 1 images"),
        (9, {"batch_size": 8, "limit": 0}, r"limit 0"),
        (9, {"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_nothing_to_give(count, options, message):
    with pytest.raises(ValueError, match=message):
        Batches(noise(count), **options)


def test_the_crops_take_no_memory():
    images = noise(10).images
    crops = all_crops(images, PADDING)
    assert crops.shape == (20, 3, PLACES, PLACES, SIZE, SIZE)
    assert crops.untyped_storage().nbytes() == 20 * 3 * 40 * 40  # the padded pairs, nothing else
    plain = Batches(noise(10), 5)
    assert plain.crops.untyped_storage().data_ptr() == plain.data.images.data_ptr()
