"""The narrow network: what whitening does, and that it stays."""

import pytest
import torch
import torch.nn.functional as F
from networks import parameters, shapes_of
from torch import nn

from course_utils import Batches, cifar10, fit, load_model, save_checkpoint
from course_utils.models import create_model
from course_utils.models.narrow import ConvPool, NarrowResNet, ResidualBlock


def correlated(images: int = 50, noise: float = 0.5) -> torch.Tensor:
    """Blurred noise whose colours vary together: neighbours are alike, as in photographs."""
    chance = torch.Generator().manual_seed(0)
    grey = torch.randn(images, 1, 34, 34, generator=chance)
    smooth = 3 * F.avg_pool2d(grey, 3, stride=1).expand(-1, 3, -1, -1)
    return smooth + noise * torch.randn(images, 3, 32, 32, generator=chance)


@pytest.fixture(scope="module")
def whitened() -> NarrowResNet:
    torch.manual_seed(0)
    model = NarrowResNet(width=32)
    model.whiten(correlated())
    return model


def second_moments(responses: torch.Tensor) -> torch.Tensor:
    """Of each channel with each other over all windows within the images: (C, C)."""
    inside = responses[:, :, 1:-1, 1:-1].movedim(1, 0).flatten(1)
    return inside @ inside.T / inside.shape[1]


def test_whitened_responses_have_variance_1_and_are_uncorrelated(whitened):
    with torch.inference_mode():
        images = correlated()
        assert second_moments(images).min() > 0.5  # as they are, all colours vary together
        moments = second_moments(whitened.whitening(images))
    half = len(moments) // 2
    assert torch.allclose(moments[:half, :half], torch.eye(half), atol=0.06)
    assert torch.allclose(moments[:half, half:], -torch.eye(half), atol=0.06)


def test_the_second_half_is_minus_the_first(whitened):
    first, second = whitened.whitening.weight.chunk(2)
    assert torch.equal(first, -second) and first.any()


def test_the_strongest_directions_come_first(whitened):
    """What varies most is scaled least: the lengths of the kernels grow."""
    lengths = whitened.whitening.weight.chunk(2)[0].flatten(1).norm(dim=1)
    assert (lengths.diff() > -1e-4).all() and lengths[-1] > 2 * lengths[0]
    windows = F.unfold(correlated(), 3).transpose(1, 2).reshape(-1, 27)
    strongest = torch.linalg.eigvalsh(windows.T @ windows / len(windows))[-1]
    assert float(lengths[0]) == pytest.approx(float(strongest) ** -0.5, rel=0.01)


def test_directions_without_variance_are_not_blown_up():
    model = NarrowResNet()
    model.whiten(correlated(noise=0.0))  # grey: 18 of 27 directions are empty
    assert model.whitening.weight.isfinite().all() and model.whitening.weight.abs().max() < 20


def test_the_whitening_is_kept_and_never_learnt(tmp_path):
    torch.manual_seed(0)
    data = cifar10("drawings").val
    model = create_model("narrow_resnet", width=8)
    images, _ = next(iter(Batches(data, 200)))
    model.whiten(images)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=0.1)
    batches = Batches(data, 32, shuffle=True, limit=5)
    fit(model, batches, batches, optimizer, epochs=1, num_classes=10)
    assert model.whitening.weight.grad is None and not model.whitening.weight.requires_grad
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == (name == "whitening.weight"), name
    save_checkpoint({"model": model.state_dict(), "config": model.config}, tmp_path / "best.pt")
    twin, _ = load_model(tmp_path / "best.pt")
    with torch.inference_mode():
        assert torch.equal(twin(images[:4]), model.eval()(images[:4]))


def test_parameters():
    assert parameters(NarrowResNet()) == 261_682 == 261_034 + 24 * 27  # those that do not train


def test_every_stage(whitened):
    assert shapes_of(whitened.eval(), torch.zeros(2, 3, 32, 32)) == [
        ("whitening", (2, 32, 32, 32)),
        ("stage1", (2, 64, 8, 8)),
        ("stage2", (2, 128, 4, 4)),
        ("fc", (2, 10)),
    ]


def test_a_block_whose_last_gamma_is_0_is_the_identity():
    block, x = ResidualBlock(4), torch.randn(2, 4, 5, 5)
    nn.init.zeros_(block.bn2.weight)
    with torch.inference_mode():
        assert torch.equal(block(x), x)  # for all x: no ReLU after the sum


def test_pooling_early_halves_the_side():
    with torch.inference_mode():
        out = ConvPool(3, 5)(torch.randn(2, 3, 8, 8))
    assert out.shape == (2, 5, 4, 4) and (out >= 0).all() and (out == 0).any()


def test_each_channel_says_where_it_is_strongest_not_how_often():
    """The maximum over all positions: a bright corner counts as much as a bright image."""
    model = NarrowResNet(width=4).eval()
    features = torch.zeros(2, 16, 4, 4)
    features[0, :, 0, 0], features[1] = 1.0, 1.0
    model.stage2.register_forward_hook(lambda *_: features)
    with torch.inference_mode():
        one, other = model(torch.randn(2, 3, 32, 32))
    assert torch.equal(one, other)


@pytest.mark.parametrize("width", [0, 15, 56])
def test_a_width_that_whitening_cannot_have(width):
    with pytest.raises(ValueError, match=f"width is {width}; it must be even, from 2 to 54"):
        create_model("narrow_resnet", width=width)
