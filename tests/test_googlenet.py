"""GoogLeNet: counts, shapes, torchvision's weights and logits, auxiliary heads."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers import same, small_set
from networks import experienced, largest_difference, parameters, shapes_of, weightless
from torch import nn

from course_utils import Batches, fit
from course_utils.models.googlenet import (
    GoogLeNet,
    Inception,
    SmallInception,
    SmallInceptionNet,
    with_auxiliary,
)

INCEPTIONS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
CHANNELS = (256, 480, 512, 512, 512, 528, 832, 832, 1024)


# ---- the small one ----


def test_the_small_net():
    assert parameters(SmallInceptionNet()) == 138_154
    assert parameters(SmallInceptionNet(2)) == 138_154 - 8 * (88 * 6 * 6 + 1)
    assert shapes_of(SmallInceptionNet(), torch.zeros(2, 3, 32, 32)) == [
        ("conv1", (2, 16, 30, 30)),
        ("conv2", (2, 64, 28, 28)),
        ("pool", (2, 64, 14, 14)),
        ("inception1", (2, 88, 14, 14)),
        ("conv3", (2, 64, 12, 12)),
        ("pool", (2, 64, 6, 6)),
        ("inception2", (2, 88, 6, 6)),
        ("fc", (2, 10)),
    ]


def test_the_four_branches_of_the_small_module():
    """24 + 16 + 24 + 24: a branch with a very negative last bias leaves just its channels 0."""
    module, x = SmallInception(5).requires_grad_(False), torch.randn(1, 5, 7, 9)
    before, start = module(x), 0
    for last, channels in (("pool1x1", 24), ("only1x1", 16), ("conv5x5", 24), ("conv3x3b", 24)):
        bias = getattr(module, last).bias
        kept = bias.clone()
        bias.fill_(-1e3)
        after = module(x)
        bias.copy_(kept)
        changed = (after != before).any(-1).any(-1)[0].nonzero().flatten().tolist()
        assert changed and set(changed) <= set(range(start, start + channels)), last
        assert not after[:, start : start + channels].any()
        start += channels
    assert before.shape == (1, 88, 7, 9) and start == 88
    assert parameters(SmallInception(64)) == sum(
        [65 * 24, 65 * 16, 65 * 16 + (25 * 16 + 1) * 24, 65 * 16 + (9 * 16 + 1) * 24 + 217 * 24]
    )


def test_relu_stands_between_the_convolutions_of_a_branch():
    for name, start in {"reduce5x5": 40, "reduce3x3": 64, "conv3x3a": 64}.items():
        module = SmallInception(5).requires_grad_(False)
        getattr(module, name).bias.fill_(-1e3)  # nothing passes a ReLU behind it
        one, other = module(torch.randn(2, 5, 7, 7))[:, start : start + 24]
        assert torch.equal(one, other), name


# ---- the paper's ----


def test_parameters():
    assert parameters(weightless(GoogLeNet)) == 6_624_904
    assert parameters(weightless(GoogLeNet, auxiliary=True)) == 13_004_888
    stem = 64 * (3 * 49 + 2) + 64 * (64 + 2) + 192 * (64 * 9 + 2)
    small = weightless(GoogLeNet, num_classes=10, stem="cifar")
    assert parameters(small) == 6_624_904 - 990 * 1025 - stem + 192 * (27 + 2)


def test_every_stage_of_the_papers_table_at_224_pixels():
    shapes = shapes_of(GoogLeNet(10, auxiliary=True).eval(), torch.zeros(1, 3, 224, 224))
    found = dict(shapes)
    assert [found[f"inception{name}"][1] for name in INCEPTIONS] == list(CHANNELS)
    sides = {name: shape[2] for name, shape in shapes if len(shape) == 4}
    assert sides == {
        "enlarge": 224, "transform": 224, "conv1": 112, "maxpool1": 56, "conv2": 56, "conv3": 56,
        "maxpool2": 28, "inception3a": 28, "inception3b": 28, "maxpool3": 14,
        **{f"inception4{letter}": 14 for letter in "abcde"},
        "maxpool4": 7, "inception5a": 7, "inception5b": 7,
    }  # fmt: skip
    assert (found["conv1"][1], found["conv3"][1], found["fc"]) == (64, 192, (1, 10))
    assert "aux1" not in found and "aux2" not in found  # they do not work in eval mode


def test_the_stem_for_32_pixels():
    found = dict(shapes_of(GoogLeNet(10, stem="cifar").eval(), torch.zeros(1, 3, 32, 32)))
    assert [found[f"inception{name}"][1] for name in INCEPTIONS] == list(CHANNELS)
    assert found["conv1"] == (1, 192, 32, 32)
    sides = [found[f"inception{name}"][2] for name in INCEPTIONS]
    assert sides == [32, 32, 16, 16, 16, 16, 16, 8, 8]


def test_images_are_enlarged_inside():
    model = GoogLeNet(10, enlarge=96).eval()
    images = torch.randn(2, 3, 32, 32)
    assert dict(shapes_of(model, images))["conv1"] == (2, 64, 48, 48)
    larger = F.interpolate(images, size=(96, 96), mode="bilinear", align_corners=False)
    twin = GoogLeNet(10).eval()
    twin.load_state_dict(model.state_dict())
    with torch.inference_mode():
        assert torch.equal(model(images), twin(larger))


def test_dropout_is_before_the_last_layer_in_training_only():
    model = GoogLeNet(10, dropout=1.0)
    with torch.inference_mode():
        assert torch.equal(model(torch.randn(2, 3, 64, 64)), model.fc.bias.expand(2, 10))
        assert not torch.equal(model.eval()(torch.randn(2, 3, 64, 64))[0], model.fc.bias)


# ---- torchvision's weights ----


def theirs(auxiliary: bool = False, transform_input: bool = False, classes: int = 1000):
    options = {"aux_logits": auxiliary, "transform_input": transform_input}
    return experienced(torchvision.models.GoogLeNet(classes, init_weights=False, **options))


@pytest.mark.parametrize("transform_input", [False, True])
@pytest.mark.parametrize("auxiliary", [False, True])
def test_torchvisions_weights_fit_both_ways(auxiliary, transform_input):
    torch.manual_seed(0)
    official = theirs(auxiliary, transform_input)
    model = GoogLeNet(auxiliary=auxiliary, transform_input=transform_input)
    model.load_state_dict(official.state_dict())
    for size in ((64, 64), (97, 65), (224, 224)):
        images = torch.randn(2, 3, *size)
        assert largest_difference(model, official, images) <= 1e-5, size
    back = theirs(auxiliary, transform_input)
    back.load_state_dict(model.state_dict())
    assert same(dict(back.state_dict()), dict(official.state_dict()))


def test_in_training_the_three_logits_are_torchvisions():
    torch.manual_seed(0)
    official, model = theirs(auxiliary=True, classes=10), GoogLeNet(10, auxiliary=True)
    model.load_state_dict(official.state_dict())
    for layer in [*official.modules(), *model.modules()]:
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0  # chance
    images = torch.randn(4, 3, 64, 64)
    with torch.inference_mode():
        expected, found = official(images), model(images)
    assert isinstance(found, tuple) and len(found) == 3
    for ours, name in zip(found, ("logits", "aux_logits2", "aux_logits1")):
        assert torch.allclose(ours, getattr(expected, name), rtol=0, atol=1e-5), name


# ---- auxiliary heads ----


def test_auxiliary_heads_work_in_training_mode_only():
    images = torch.randn(2, 3, 32, 32)
    model = GoogLeNet(4, auxiliary=True)
    with torch.inference_mode():
        assert [tuple(logits.shape) for logits in model(images)] == 3 * [(2, 4)]
        assert model.eval()(images).shape == (2, 4)
        assert GoogLeNet(4).train()(images).shape == (2, 4)


def test_the_loss_with_auxiliary_heads():
    torch.manual_seed(0)
    main, two, one, labels = *torch.randn(3, 6, 4), torch.arange(6) % 4
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    expected = smooth(main, labels) + 0.3 * smooth(two, labels) + 0.3 * smooth(one, labels)
    assert torch.allclose(with_auxiliary(smooth)((main, two, one), labels), expected)
    assert torch.equal(with_auxiliary(smooth)(main, labels), smooth(main, labels))
    half = with_auxiliary(F.cross_entropy, weight=0.5)((main, two), labels)
    expected = F.cross_entropy(main, labels) + F.cross_entropy(two, labels) / 2
    assert torch.allclose(half, expected)


@pytest.mark.parametrize("stem, side, epochs", [("imagenet", 32, 4), ("cifar", 8, 2)])
def test_it_trains_with_auxiliary_heads(stem, side, epochs):
    torch.manual_seed(0)
    data = small_set(32)
    model = GoogLeNet(4, stem=stem, auxiliary=True, enlarge=side)
    before = {name: value.clone() for name, value in model.named_parameters()}
    loss_of_all, heads = with_auxiliary(nn.CrossEntropyLoss()), set()

    def loss_fn(logits, labels):
        heads.add(len(logits))
        return loss_of_all(logits, labels)

    history = fit(
        model,
        Batches(data, 8, shuffle=True),
        Batches(data, 8),
        torch.optim.SGD(model.parameters(), 0.003, momentum=0.9),
        epochs=epochs,
        num_classes=4,
        loss_fn=loss_fn,
    )
    still = [name for name, value in model.named_parameters() if torch.equal(value, before[name])]
    assert not still  # the heads learn too
    assert heads == {3}
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_the_module_concatenates_its_branches_in_the_papers_order():
    module = weightless(Inception, 192, 64, 96, 128, 16, 32, 32)
    assert module(torch.zeros(1, 192, 5, 5, device="meta")).shape == (1, 256, 5, 5)
    assert parameters(module) == sum(
        [64 * 194, 96 * 194 + 128 * (96 * 9 + 2), 16 * 194 + 32 * (16 * 9 + 2), 32 * 194]
    )
