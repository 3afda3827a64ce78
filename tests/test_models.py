"""The list of networks, and the facts that notebook 01 teaches about the small CNN."""

import math

import pytest
import torch
import torch.nn.functional as F
from networks import shapes_of, weightless
from torch import nn

from course_utils.engine.checkpoint import load_model, save_checkpoint
from course_utils.models import create_model, list_models
from course_utils.models.cnn import CNN
from course_utils.models.narrow import NarrowResNet

DEPTHS = (18, 20, 32, 34, 44, 50, 56, 101, 152)


def output_size(size: int, layer: nn.Module) -> int:
    """(size + 2·padding − kernel) / stride + 1, rounded down: Dumoulin & Visin 2016, §2.4."""
    number = layer.kernel_size if isinstance(layer, nn.MaxPool2d) else layer.kernel_size[0]
    stride = layer.stride if isinstance(layer, nn.MaxPool2d) else layer.stride[0]
    return (size - number) // stride + 1


# ---- the CNN ----


def test_every_stage_of_the_cnn():
    n = 2
    assert shapes_of(CNN(), torch.zeros(n, 3, 32, 32)) == [
        ("conv1", (n, 10, 30, 30)),
        ("relu", (n, 10, 30, 30)),
        ("conv2", (n, 15, 28, 28)),
        ("relu", (n, 15, 28, 28)),
        ("conv3", (n, 20, 24, 24)),
        ("relu", (n, 20, 24, 24)),
        ("pool", (n, 20, 12, 12)),
        ("conv4", (n, 25, 8, 8)),
        ("relu", (n, 25, 8, 8)),
        ("pool", (n, 25, 4, 4)),
        ("fc", (n, 10)),
    ]


def test_the_output_size_formula_holds_layer_by_layer():
    model, size = CNN(), 32
    layers = dict(model.named_children())
    for name, shape in shapes_of(model, torch.zeros(1, 3, 32, 32)):
        if name not in ("relu", "fc"):
            size = output_size(size, layers[name])
            assert shape[2:] == (size, size), name
    assert size == 4 and layers["fc"].in_features == 25 * size * size


def test_parameters_of_the_cnn():
    counts = {n: sum(p.numel() for p in m.parameters()) for n, m in CNN().named_children()}
    assert counts == {
        "conv1": (3 * 3 * 3 + 1) * 10,
        "conv2": (3 * 3 * 10 + 1) * 15,
        "conv3": (5 * 5 * 15 + 1) * 20,
        "conv4": (5 * 5 * 20 + 1) * 25,
        "pool": 0,
        "relu": 0,
        "fc": (400 + 1) * 10,
    }
    assert sum(counts.values()) == 25_700


def test_relu_stands_behind_every_convolution_and_not_at_the_end():
    for name in ("conv1", "conv2", "conv3", "conv4"):
        model = CNN()
        nn.init.constant_(getattr(model, name).bias, -1e3)  # nothing passes a ReLU behind it
        one, other = model(torch.randn(2, 3, 32, 32))
        assert torch.equal(one, other), name
    one, other = CNN()(torch.randn(2, 3, 32, 32))
    assert not torch.equal(one, other) and (one < 0).any()


# ---- create_model ----


def test_every_network_by_its_name():
    assert list_models() == [
        "cnn", "googlenet", "narrow_resnet",
        *(f"plain{depth}" for depth in DEPTHS), *(f"resnet{depth}" for depth in DEPTHS),
        "small_inception", "small_residual",
    ]  # fmt: skip
    for name in list_models():
        model = weightless(create_model, name, num_classes=7)
        assert model.config == {"name": name, "num_classes": 7}
        assert model.fc.out_features == 7, name
        assert weightless(create_model, name).fc.out_features == 10, name


@pytest.mark.parametrize("name", list_models())
def test_a_fresh_network_knows_nothing(name):
    """Ten classes, no opinion yet: a loss near ln 10."""
    torch.manual_seed(0)
    small = {"stem": "cifar", "width": 8} if name[-2:] in ("18", "34", "50", "01", "52") else {}
    model = create_model(name, **({"stem": "cifar"} if name == "googlenet" else small))
    images, labels = torch.randn(10, 3, 32, 32), torch.arange(10)
    if isinstance(model, NarrowResNet):
        model.whiten(images)
    with torch.inference_mode():  # in train mode, as the first step meets it
        logits = model(images)
    assert logits.shape == (10, 10) and len({tuple(row) for row in logits.tolist()}) == 10
    tolerance = 0.05 if "small" in name or name == "cnn" else 0.2  # the others have batch norm
    tolerance = 1.0 if name.startswith("resnet") else tolerance  # each block adds to the signal
    assert abs(float(F.cross_entropy(logits, labels)) - math.log(10)) < tolerance


@pytest.mark.parametrize(
    "name, options",
    [
        ("cnn", {}),
        ("resnet18", {"stem": "64px", "width": 4}),
        ("plain34", {"stem": "cifar", "width": 4}),
        ("resnet20", {"width": 4}),
        ("narrow_resnet", {"width": 8}),
        ("googlenet", {"stem": "imagenet", "auxiliary": True, "enlarge": 48}),
    ],
)
def test_a_checkpoint_knows_how_its_network_was_made(name, options, tmp_path):
    model = create_model(name, num_classes=3, **options)
    assert model.config == {"name": name, "num_classes": 3, **options}
    content = {"model": model.state_dict(), "config": model.config}
    save_checkpoint(content, tmp_path / "best.pt")
    twin, _ = load_model(tmp_path / "best.pt")
    assert twin.config == model.config and twin is not model
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(twin(images), model.eval()(images))


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("cn", {}, "no model is called 'cn'; there are: cnn, googlenet, .*, plain18, plain20, "),
        ("resnet19", {}, "no model is called 'resnet19'; there are: .*, resnet18, resnet20, "),
        ("cnn", {"num_classes": 1}, "num_classes is 1; a classifier needs at least 2"),
        ("resnet18", {"num_classes": 0}, "num_classes is 0"),
        ("cnn", {"width": 8}, "cnn has no option 'width'; it has: none"),
        ("resnet20", {"stem": "cifar"}, "resnet20 has no option 'stem'; it has: width"),
        ("resnet18", {"depth": 34}, "resnet18 has no option 'depth'; it has: stem, width"),
        ("plain18", {"auxiliary": True}, "plain18 has no option 'auxiliary'; it has: stem, width"),
        ("resnet18", {"stem": "big"}, "stem is 'big'; ResNet has: imagenet, 64px, cifar"),
        ("googlenet", {"stem": "64px"}, "stem is '64px'; GoogLeNet has: imagenet, cifar"),
        ("googlenet", {"width": 8}, "googlenet has no option 'width'; it has: stem, auxiliary, "),
    ],
)
def test_models_that_cannot_be(name, options, message):
    with pytest.raises(ValueError, match=message):
        create_model(name, **options)
