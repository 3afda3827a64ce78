"""Residual networks: counts, shapes, torchvision's weights and logits, what a shortcut carries."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers import same
from networks import experienced, largest_difference, parameters, shapes_of, weightless
from torch import nn

from course_utils.models import create_model
from course_utils.models.resnet import (
    LAYERS,
    BasicBlock,
    Bottleneck,
    CifarResNet,
    ResNet,
    SmallResidualBlock,
    SmallResidualNet,
    plain,
)

# ---- counts and shapes ----


@pytest.mark.parametrize(
    "build, count",
    [  # of ImageNet's: torchvision's documentation; of CIFAR's: the paper's, with projections
        (lambda: SmallResidualNet(), 23_382),
        (lambda: ResNet(18), 11_689_512),
        (lambda: ResNet(34), 21_797_672),
        (lambda: ResNet(50), 25_557_032),
        (lambda: ResNet(101), 44_549_160),
        (lambda: ResNet(152), 60_192_808),
        (lambda: create_model("resnet18", stem="cifar"), 11_173_962),
        (lambda: create_model("resnet18", 200, stem="64px", width=32), 2_846_440),
        (lambda: create_model("resnet20"), 272_474),
        (lambda: create_model("resnet32"), 466_906),
        (lambda: create_model("resnet44"), 661_338),
        (lambda: create_model("resnet56"), 855_770),
        (lambda: create_model("plain20"), 272_474 - 32 * (16 + 2) - 64 * (32 + 2)),
        (lambda: create_model("plain18", 1000), 11_689_512 - 172_032 - 2 * (128 + 256 + 512)),
    ],
)
def test_parameters(build, count):
    assert parameters(weightless(build)) == count


def test_the_small_net():
    assert shapes_of(SmallResidualNet(), torch.zeros(2, 3, 32, 32)) == [
        ("conv1", (2, 8, 30, 30)),
        ("conv2", (2, 16, 28, 28)),
        ("pool", (2, 16, 14, 14)),
        ("block1", (2, 16, 14, 14)),
        ("conv3", (2, 20, 12, 12)),
        ("pool", (2, 20, 6, 6)),
        ("block2", (2, 20, 6, 6)),
        ("fc", (2, 10)),
    ]


@pytest.mark.parametrize(
    "stem, pixels, conv1, sides",
    [
        ("imagenet", 224, 112, [56, 56, 28, 14, 7]),
        ("64px", 64, 64, [32, 32, 16, 8, 4]),
        ("cifar", 32, 32, [32, 32, 16, 8, 4]),
    ],
)
@pytest.mark.parametrize("depth, expansion", [(18, 1), (50, 4)])
def test_every_stage(stem, pixels, conv1, sides, depth, expansion):
    model = ResNet(depth, 5, stem=stem, width=8).eval()
    found = dict(shapes_of(model, torch.zeros(2, 3, pixels, pixels)))
    assert found["conv1"] == (2, 8, conv1, conv1) and found["fc"] == (2, 5)
    stages = [found[n] for n in ("maxpool", "layer1", "layer2", "layer3", "layer4")]
    channels = [8, *(8 * expansion * factor for factor in (1, 2, 4, 8))]
    assert stages == [(2, c, side, side) for c, side in zip(channels, sides)]
    assert [len(model.get_submodule(f"layer{i + 1}")) for i in range(4)] == list(LAYERS[depth][1])


def test_every_stage_of_the_one_for_cifar():
    found = dict(shapes_of(CifarResNet(20).eval(), torch.zeros(1, 3, 32, 32)))
    assert [found[name][1:] for name in ("conv1", "layer1", "layer2", "layer3", "fc")] == [
        (16, 32, 32), (16, 32, 32), (32, 16, 16), (64, 8, 8), (10,),
    ]  # fmt: skip
    for depth in (8, 20, 32, 44, 56, 110):
        model = weightless(CifarResNet, depth, width=2)
        on_the_way = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        assert len([name for name in on_the_way if "downsample" not in name]) == depth


def test_a_resnet34_for_two_classes_gives_logits():
    torch.manual_seed(0)
    model, images = create_model("resnet34", num_classes=2).eval(), torch.randn(8, 3, 224, 224)
    with torch.no_grad():
        logits = model(images)
        model.fc.bias += torch.tensor([-50.0, 7.0])
        moved = model(images)
    assert logits.shape == (8, 2)
    assert torch.allclose(moved - logits, torch.tensor([-50.0, 7.0]), atol=1e-3)  # no softmax


@pytest.mark.parametrize("depth", [17, 20, 0])
def test_no_such_depth(depth):
    with pytest.raises(ValueError, match=f"depth is {depth}; ResNet has: 18, 34, 50, 101, 152"):
        ResNet(depth)


@pytest.mark.parametrize("depth", [18, 2, 0, 21])
def test_no_such_depth_for_cifar(depth):
    with pytest.raises(ValueError, match=rf"depth is {depth}; it must be 6n \+ 2: 20, 32, 44, 56"):
        CifarResNet(depth)


# ---- torchvision's weights ----


@pytest.mark.parametrize(
    "depth, sizes",
    [
        (18, [(32, 32), (97, 65), (224, 224)]),
        (34, [(64, 64), (33, 51)]),
        (50, [(64, 64), (97, 65)]),
        (101, [(35, 35)]),
        (152, [(35, 35)]),
    ],
)
def test_torchvisions_weights_fit_both_ways(depth, sizes):
    torch.manual_seed(depth)
    build = getattr(torchvision.models, f"resnet{depth}")
    official = experienced(weightless(build).to_empty(device="cpu"), 0.4, 0.9)
    model, back = weightless(ResNet, depth), weightless(build)
    assert list(model.state_dict()) == list(official.state_dict())
    model.load_state_dict(official.state_dict(), assign=True)
    for size in sizes:
        assert largest_difference(model, official, torch.randn(2, 3, *size)) <= 1e-5, size
    back.load_state_dict(model.state_dict(), assign=True)
    assert same(dict(back.state_dict()), dict(official.state_dict()))


# ---- blocks ----


@pytest.mark.parametrize("block", [BasicBlock(8, 8), Bottleneck(8, 2)])
@pytest.mark.parametrize("training", [True, False])
def test_a_block_whose_last_gamma_is_0_is_the_identity(block, training):
    """On x ≥ 0, which the ReLU of the block before gives."""
    last = block.bn3 if isinstance(block, Bottleneck) else block.bn2
    x = torch.rand(2, 8, 5, 5)
    with torch.inference_mode():
        block.train(training)
        assert not torch.allclose(block(x), x, atol=0.01)
        nn.init.zeros_(last.weight)
        assert torch.equal(block(x), x)
        nn.init.ones_(last.weight)


@pytest.mark.parametrize("block", [BasicBlock(8, 8), Bottleneck(8, 2), SmallResidualBlock(8)])
def test_relu_comes_after_the_addition(block):
    """With f(x) = −0.5, x = 1 leaves as 0.5 and x = 0.2 as 0; with ReLU before, x would stay."""
    last = {BasicBlock: "bn2", Bottleneck: "bn3", SmallResidualBlock: "conv2"}[type(block)]
    nn.init.zeros_(getattr(block, last).weight)
    nn.init.constant_(getattr(block, last).bias, -0.5)
    with torch.inference_mode():
        for x, out in ((1.0, 0.5), (0.2, 0.0)):
            assert torch.equal(block(torch.full((2, 8, 4, 4), x)), torch.full((2, 8, 4, 4), out))


def test_the_stride_of_a_bottleneck_sits_in_its_3x3_convolution():
    block = Bottleneck(8, 4, stride=2)
    assert [c.stride[0] for c in (block.conv1, block.conv2, block.conv3)] == [1, 2, 1]
    assert block.downsample[0].stride == (2, 2) and block.downsample[0].kernel_size == (1, 1)
    assert block(torch.zeros(2, 8, 6, 6)).shape == (2, 16, 3, 3)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("in_channels", [8, 6])
def test_a_projection_only_where_the_shape_changes(in_channels, stride):
    block = BasicBlock(in_channels, 8, stride)
    same_shape = (in_channels, stride) == (8, 1)
    assert isinstance(block.downsample, nn.Identity if same_shape else nn.Sequential)
    side = 7 if stride == 1 else 4
    assert block(torch.zeros(2, in_channels, 7, 7)).shape == (2, 8, side, side)


def test_he_initialisation_keeps_the_variance_of_the_gradient():
    for name, weight in ResNet(18, 10, width=32).named_parameters():
        if weight.ndim == 4:
            expected = (2 / (weight.shape[0] * weight[0, 0].numel())) ** 0.5  # 2 / fan-out
            assert weight.detach().std().item() == pytest.approx(expected, rel=0.15), name


# ---- plain twins ----


@pytest.mark.parametrize(
    "build",
    [
        lambda: ResNet(18, 10, stem="cifar", width=4),
        lambda: ResNet(50, 10, width=16),  # narrower ones lose the signal
        lambda: CifarResNet(20),
    ],
)
def test_the_plain_twin_has_the_same_layers_and_no_path_around_them(build):
    residual = experienced(build())
    layers = {k: v for k, v in residual.state_dict().items() if "downsample" not in k}
    residual.eval()
    images = torch.randn(2, 3, 32, 32)
    blocks = [m for m in residual.modules() if isinstance(m, BasicBlock | Bottleneck)]
    last = blocks[1].bn3 if isinstance(blocks[1], Bottleneck) else blocks[1].bn2
    nn.init.zeros_(last.weight)  # closes the way through the block
    with torch.inference_mode():
        one, other = residual(images)
        assert not torch.equal(one, other)  # around it
        twin = plain(residual)
        one, other = twin(images)
        assert torch.equal(one, other)
        nn.init.ones_(last.weight)
        one, other = twin(images)
        assert not torch.equal(one, other)
    assert same(dict(twin.state_dict()), layers)


def test_a_plain_block_is_its_layers_alone():
    block = plain(BasicBlock(4, 4).eval())
    x = torch.randn(2, 4, 5, 5)
    expected = F.relu(block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x))))))
    assert torch.equal(block(x), expected) and expected.any()


@pytest.mark.parametrize("depth", [20, 56, 18, 152])
def test_plain_networks_by_name(depth):
    residual = weightless(create_model, f"resnet{depth}", width=4)
    twin = weightless(create_model, f"plain{depth}", width=4)
    assert [name for name in residual.state_dict() if "downsample" not in name] == [
        *twin.state_dict()
    ]
