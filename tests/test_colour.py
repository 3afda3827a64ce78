"""Random changes of colour: against torchvision, and against one image at a time, slowly."""

import colorsys
import math

import pytest
import torch
from torchvision.transforms.v2 import functional as published

from course_utils.store.colour import GREY, ColourJitter, normalised

YIQ = torch.tensor([[*GREY], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]).double()


def photographs(count: int = 5, low: int = 0, high: int = 256) -> torch.Tensor:
    return torch.randint(low, high, (count, 3, 12, 10), dtype=torch.uint8)


def drawn(jitter: ColourJitter, count: int) -> torch.Tensor:
    return torch.stack([jitter.draw() for _ in range(count)])


def slowly(image: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """One change after the other, pixel by pixel, as the docstring of `ColourJitter` says."""
    brightness, contrast, saturation, turn = factors.tolist()
    grey = torch.tensor(GREY).double()
    pixels = image.double().flatten(1).T * brightness
    mean = (pixels @ grey).mean()
    pixels = mean + contrast * (pixels - mean)
    own = (pixels @ grey)[:, None]
    pixels = own + saturation * (pixels - own)
    cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    turned = torch.tensor([[1, 0, 0], [0, cos, sin], [0, -sin, cos]]).double()
    pixels = pixels @ (YIQ.inverse() @ turned @ YIQ).T
    return pixels.T.reshape(image.shape).clamp(0, 255)


@pytest.mark.parametrize("strengths", [(0.4, 0.4, 0.4, 0.2), (0, 0, 0, 0.5), (0.8, 0, 0.8, 0)])
@pytest.mark.parametrize("width", [10, 9])  # pixels in fours, and those that are not
def test_a_batch_is_changed_as_each_of_its_images_slowly(strengths, width):
    torch.manual_seed(0)
    jitter, images = ColourJitter(*strengths), photographs()[..., :width]
    factors = drawn(jitter, len(images))
    changed = jitter(images, factors)
    assert changed.shape == images.shape and changed.dtype == torch.float32
    assert changed.is_contiguous(memory_format=torch.channels_last)
    expected = torch.stack([slowly(image, f) for image, f in zip(images, factors)])
    assert (changed - expected).abs().max() < 0.01
    assert (expected - images).abs().mean() > 3  # it does change them


def test_without_hue_it_is_torchvisions():
    """Of values in the middle, which torchvision need not clamp between one change and the next."""
    torch.manual_seed(1)
    jitter, images = ColourJitter(0.2, 0.2, 0.2), photographs(low=80, high=170)
    factors = drawn(jitter, len(images))
    for image, ours, (b, c, s, _) in zip(images, jitter(images, factors), factors.tolist()):
        theirs = published.adjust_brightness(image / 255, b)
        theirs = published.adjust_saturation(published.adjust_contrast(theirs, c), s)
        assert (255 * theirs - ours).abs().max() < 0.05


def test_clamping_once_at_the_end_differs_little_on_a_whole_range():
    torch.manual_seed(2)
    jitter, images = ColourJitter(0.2, 0.2, 0.2), photographs()
    factors = drawn(jitter, len(images))
    for image, ours, (b, c, s, _) in zip(images, jitter(images, factors), factors.tolist()):
        theirs = published.adjust_brightness(image / 255, b)
        theirs = published.adjust_saturation(published.adjust_contrast(theirs, c), s)
        assert (255 * theirs - ours).abs().mean() < 4


def test_hue_turns_the_colours_and_keeps_the_luma():
    colours = torch.tensor([[150.0, 110, 110], [110, 150, 110], [110, 110, 150]]).T
    images = colours.view(1, 3, 1, 3)
    turned = ColourJitter()(images, torch.tensor([[1, 1, 1, 1 / 3]]))[0, :, 0].T
    # a third of a circle: red becomes green, green blue, blue red
    assert turned.argmax(1).tolist() == [1, 2, 0]
    assert torch.allclose(turned @ torch.tensor(GREY), colours.T @ torch.tensor(GREY), atol=0.05)
    orange = ColourJitter()(images, torch.tensor([[1, 1, 1, 1 / 12]]))[0, :, 0, 0] / 255
    hue, _, _ = colorsys.rgb_to_hsv(*orange.tolist())
    assert 0.03 < hue < 0.15  # the same way round as torchvision, from red (0) towards yellow (1/6)


def test_factors_lie_where_they_are_said_to():
    torch.manual_seed(3)
    factors = drawn(ColourJitter(0.2, 0.5, 3, 0.1), 2000)
    for values, low, high in zip(factors.T, (0.8, 0.5, 0, -0.1), (1.2, 1.5, 4, 0.1)):
        spread = high - low
        assert values.min() >= low and values.max() <= high
        assert values.min() < low + 0.01 * spread and values.max() > high - 0.01 * spread
        assert abs(values.mean() - (low + high) / 2) < 0.05 * spread
    assert torch.equal(drawn(ColourJitter(), 3), torch.tensor([[1.0, 1, 1, 0]] * 3))


def test_grey_stays_grey_and_white_can_darken():
    images = torch.full((4, 3, 4, 4), 255, dtype=torch.uint8)
    factors = torch.tensor([[0.5, 1.5, 1.9, 0.3], [1.5, 1, 1, 0], [1, 0, 1, 0], [0, 1, 1, 0.5]])
    values = ColourJitter()(images, factors)
    for image, expected in zip(values, (127.5, 255.0, 255.0, 0.0)):
        assert torch.allclose(image, torch.tensor(expected), atol=0.01)


@pytest.mark.parametrize(
    "strengths, message",
    [
        ({"contrast": -0.1}, "contrast is -0.1; it must be 0 or greater"),
        ({"hue": 0.6}, "hue is 0.6; it must be from 0 to 0.5 of a turn"),
        ({"brightness": float("nan")}, "brightness is nan"),
    ],
)
def test_strengths_that_cannot_be(strengths, message):
    with pytest.raises(ValueError, match=message):
        ColourJitter(**strengths)


def test_normalised_with_and_without_jitter():
    torch.manual_seed(4)
    images, scale, shift = photographs(), torch.rand(3), torch.rand(3)
    by_channel = [v.view(3, 1, 1) for v in (scale, shift)]
    plain = normalised(images, scale, shift)
    assert torch.allclose(plain, images * by_channel[0] + by_channel[1])
    jitter = ColourJitter(0.2, 0.2, 0.2, 0.1)
    factors = drawn(jitter, len(images))
    both = normalised(images, scale, shift, jitter, factors)
    expected = jitter(images, factors) * by_channel[0] + by_channel[1]
    assert torch.allclose(both, expected, atol=1e-4)
    assert both.is_contiguous(memory_format=torch.channels_last)
    # an image is the same bit for bit whatever the others in its batch
    alone = normalised(images[2:3], scale, shift, jitter, factors[2:3])
    assert torch.equal(alone[0], both[2])
