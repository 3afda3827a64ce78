"""The small CNN: the facts the notebook teaches about it."""

import pytest
import torch
from torch import nn

from course_utils.models import create_model, list_models
from course_utils.models.cnn import CNN


def output_size(size: int, layer: nn.Module) -> int:
    """(size + 2·padding − kernel) / stride + 1, rounded down: Dumoulin & Visin 2016, §2.4."""
    number = layer.kernel_size if isinstance(layer, nn.MaxPool2d) else layer.kernel_size[0]
    stride = layer.stride if isinstance(layer, nn.MaxPool2d) else layer.stride[0]
    return (size - number) // stride + 1


def shapes_of(model: nn.Module, images: torch.Tensor) -> list[tuple[str, tuple[int, ...]]]:
    """Name and output shape of every layer, in the order in which the image meets them."""
    seen = []
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda _, __, out, name=name: seen.append((name, out.shape)))
    model(images)
    return [(name, tuple(shape)) for name, shape in seen]


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


def test_create_model():
    assert list_models() == ["cnn"]
    model = create_model("cnn", num_classes=7)
    assert isinstance(model, CNN) and model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert model.config == {"name": "cnn", "num_classes": 7}
    twin = create_model(**model.config)
    twin.load_state_dict(model.state_dict())
    assert create_model("cnn").config["num_classes"] == 10


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("cn",), "no model is called 'cn'; there are: cnn"),
        (("cnn", 1), "num_classes is 1; a classifier needs at least 2"),
        (("cnn", 0), "num_classes is 0"),
    ],
)
def test_models_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        create_model(*arguments)
