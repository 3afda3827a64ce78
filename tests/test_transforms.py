"""From a picture to a network's input, and back."""

import math
import random

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import profile
from course_utils.data.batches import Batches
from course_utils.data.datasets import cifar10
from course_utils.data.transforms import (
    denormalise,
    eval_image,
    eval_transform,
    random_crop,
    resized,
    rotated,
    train_transform,
)
from course_utils.store.locations import DRAWINGS

MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


def test_a_training_image_is_prepared_as_in_training():
    data = cifar10("drawings").val
    images, _ = next(iter(Batches(data, 6)))
    for pixels, batched in zip(data.images, images):
        picture = Image.fromarray(pixels.permute(1, 2, 0).numpy())
        prepared = eval_image(picture, 32, data.mean, data.std)
        assert prepared.dtype == torch.float32 and (prepared - batched).abs().max() < 2e-6


@pytest.mark.parametrize("size", [(80, 40), (40, 80), (41, 97)])
def test_scales_the_short_side_and_takes_the_middle(size):
    width, height = size
    short, long = min(size), max(size)
    # red and blue ends beyond the middle, green in it
    pixels = np.zeros((height, width, 3), np.uint8)
    along = pixels if width > height else pixels.transpose(1, 0, 2)
    edge = (long - short) // 2
    along[:, :] = (0, 255, 0)
    along[:, : edge - 2], along[:, long - edge + 2 :] = (255, 0, 0), (0, 0, 255)
    prepared = eval_image(Image.fromarray(pixels), 20, (0,) * 3, (1,) * 3)
    assert prepared.shape == (3, 20, 20)
    assert prepared[1, :, 2:-2].min() == 1 and prepared[[0, 2], 2:-2, 2:-2].max() == 0


def test_scales_with_antialiasing():
    noise = np.random.default_rng(0).integers(256, size=(256, 256), dtype=np.uint8)
    prepared = eval_image(Image.fromarray(noise), 16, (0,) * 3, (1,) * 3)
    # every value comes from 16 × 16 pixels and more; plain sampling takes four of them: 0.14
    assert prepared.std() < 0.03 and abs(prepared.mean() - 0.5) < 0.01


def test_small_pictures_are_enlarged():
    prepared = eval_image(Image.new("RGB", (7, 9), (255, 0, 0)), 32, MEAN, STD)
    assert prepared.shape == (3, 32, 32)
    expected = [(1 - MEAN[0]) / STD[0], -MEAN[1] / STD[1], -MEAN[2] / STD[2]]
    assert torch.allclose(prepared[:, 16, 16], torch.tensor(expected))


def test_denormalise_undoes_it():
    data = cifar10("drawings").val
    images, _ = next(iter(Batches(data, 5)))
    back = denormalise(images, data.mean, data.std)
    assert torch.equal((back * 255).round().byte(), data.images[:5])
    assert torch.equal(denormalise(images[0], data.mean, data.std), back[0])
    assert denormalise(images * 9, data.mean, data.std).max() == 1  # never out of 0 to 1


# ---- the presets ----


def bee() -> Image.Image:
    return Image.open(DRAWINGS / "hymenoptera_data" / "val" / "bees" / "0003.jpg").convert("RGB")


def uint8(image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


@pytest.mark.parametrize("size, resize", [(224, 256), (96, 110)])
def test_evaluation_is_torchvisions_published_preset(size, resize):
    """Which works on PIL images: torchvision/transforms/_presets.py, ImageClassification."""
    from torchvision import transforms

    published = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(size)])
    for image in (bee(), bee().resize((640, 480)), bee().transpose(Image.Transpose.ROTATE_90)):
        ours, theirs = eval_transform(size)(uint8(image)), uint8(published(image))
        assert ours.dtype == torch.uint8 and ours.shape == (3, size, size)
        difference = (ours.int() - theirs.int()).abs().float()
        assert difference.mean() < 0.05 and difference.max() <= 2


def test_the_short_side_can_be_chosen():
    image = uint8(bee())
    wide, narrow = eval_transform(64, resize=64)(image), eval_transform(64, resize=128)(image)
    assert wide.shape == narrow.shape == (3, 64, 64) and not torch.equal(wide, narrow)
    prepared = eval_image(bee(), 64, (0,) * 3, (1,) * 3, resize=128)
    assert torch.equal((prepared * 255).round().byte(), narrow)
    assert torch.equal((eval_image(bee(), 64, (0,) * 3, (1,) * 3) * 255).round().byte(), wide)


def test_training_crops_and_mirrors_by_chance():
    ramp = torch.arange(200, dtype=torch.uint8).expand(3, 200, 200).contiguous()  # left to right
    random.seed(0)
    rows = torch.stack([train_transform(32)(ramp)[0, 0].float() for _ in range(200)])
    assert 60 < (rows[:, -1] < rows[:, 0]).sum() < 140  # mirrored half of the time
    widths = (rows[:, -1] - rows[:, 0]).abs() / 200 * 32 / 31  # of the picture's width
    assert widths.min() < 0.4 and widths.max() > 0.9
    small = train_transform(32, scale=(0.08, 0.1))
    rows = torch.stack([small(ramp)[0, 0].float() for _ in range(50)])
    assert (rows[:, -1] - rows[:, 0]).abs().max() / 200 < (0.1 * 4 / 3) ** 0.5


def test_training_scales_with_antialiasing_and_stays_uint8():
    noise = torch.randint(256, (3, 256, 256), dtype=torch.uint8)
    crop = train_transform(16, scale=(1, 1))(noise)
    assert crop.dtype == torch.uint8 and crop.shape == (3, 16, 16)
    assert crop.float().std() < 0.03 * 255


def equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """To the last bit; without AVX2, where torchvision scales in float32, to one grey level."""
    difference = (one.int() - other.int()).abs().max()
    return int(difference) <= (profile.processor_level() == "baseline")


def test_evaluation_is_that_of_torchvisions_tensors():
    from torchvision.transforms import v2

    for size, resize in ((224, 256), (64, 64), (33, 40)):
        theirs = v2.Compose([v2.Resize(resize, antialias=True), v2.CenterCrop(size)])
        for width, height in ((256, 256), (333, 500), (640, 480), (64, 50)):
            image = uint8(bee().resize((width, height)))
            assert equal(eval_transform(size, resize)(image), theirs(image))


def test_less_than_the_size_cannot_be_cut_out():
    with pytest.raises(ValueError, match="resize is 60: nothing of size 64 can be cut out of"):
        eval_transform(64, 60)


@pytest.mark.parametrize("interleaved", [True, False])
def test_scaling_is_torchvisions(interleaved):
    from torchvision.transforms.v2 import functional

    image = uint8(bee())
    image = image if interleaved else image.contiguous()
    for part in (image, image[:, 10:100, 20:150], image[:, :7, :9]):
        expected = functional.resize(part, [48, 64], antialias=True)
        scaled = resized(part, 48, 64)
        assert equal(scaled, expected)
        if interleaved:  # else it takes twice as long
            assert scaled.permute(1, 2, 0).is_contiguous()
    assert resized(image, *image.shape[1:]) is image


def test_crops_are_chosen_as_torchvision_chooses_them():
    from torchvision.transforms import RandomResizedCrop

    random.seed(1)
    torch.manual_seed(1)
    image, scale = torch.zeros(3, 300, 400), (0.08, 1.0)
    ours = torch.tensor([random_crop(300, 400, scale) for _ in range(4000)]).float()
    theirs = [RandomResizedCrop.get_params(image, scale, (3 / 4, 4 / 3)) for _ in range(4000)]
    theirs = torch.tensor(theirs).float()
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, 0] + ours[:, 2]).max() <= 300 and (ours[:, 1] + ours[:, 3]).max() <= 400
    deciles = torch.arange(1, 10) / 10
    difference = ours.quantile(deciles, dim=0) - theirs.quantile(deciles, dim=0)
    assert difference.abs().max() < 10  # pixels; the standard error is about 2


def test_of_narrow_pictures_the_middle_is_taken():
    assert random_crop(10, 400, (1.0, 1.0)) == (0, 193, 10, 13)
    assert random_crop(400, 10, (1.0, 1.0)) == (193, 0, 13, 10)


def test_rotation_is_pillows_by_the_nearest_pixel():
    from torchvision.transforms import functional

    image = uint8(bee())
    for degrees in (-10, 3.3, 90):
        ours = rotated(image, degrees)
        theirs = functional.rotate(bee(), degrees)
        assert torch.equal(ours, uint8(theirs)) and ours.shape == image.shape
    assert rotated(image, 0) is image


def test_training_turns_by_up_to_so_many_degrees_either_way():
    random.seed(2)
    ramp = torch.arange(0, 250, 2.5).byte().expand(3, 100, 100).contiguous()  # left to right

    def degrees(image):
        middle = image[0, 16:48, 16:48].float()
        along, down = middle.diff(dim=1).mean(), middle.diff(dim=0).mean()
        return math.degrees(math.atan(down / along))

    turns = [degrees(train_transform(64, (1, 1), rotation=10)(ramp)) for _ in range(100)]
    assert -11 < min(turns) < -8 and 8 < max(turns) < 11
    assert abs(degrees(train_transform(64, (1, 1))(ramp))) < 0.5
    white = torch.full((3, 100, 100), 255, dtype=torch.uint8)
    assert any((train_transform(64, rotation=10)(white)[:, 0, 0] == 0).all() for _ in range(20))
