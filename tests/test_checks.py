"""The checks before training: right networks pass, the usual wrong ones are told why."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from course_utils.classroom.teaching import checks
from course_utils.classroom.teaching.checks import CheckFailed
from course_utils.data.batches import Batches
from course_utils.data.datasets import cifar10
from course_utils.models.cnn import CNN


@pytest.fixture(scope="module")
def batch():
    return next(iter(Batches(cifar10("drawings").train, 8, shuffle=True)))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


class Variant(CNN):
    """The CNN with one mistake in its forward."""

    def __init__(self, mistake: str):
        super().__init__()
        self.mistake = mistake
        self.unused = nn.Linear(3, 3) if mistake == "unused" else None
        if mistake == "zeros":
            nn.init.zeros_(self.conv1.weight)
            nn.init.ones_(self.conv1.bias)

    def forward(self, images):
        if self.mistake == "input detached":
            images = images.detach()
        x = self.conv2(self.relu(self.conv1(images)))
        if self.mistake == "branch detached":
            x = x.detach()
        x = self.pool(self.relu(self.conv3(self.relu(x))))
        logits = self.fc(self.pool(self.relu(self.conv4(x))).flatten(1))
        match self.mistake:
            case "softmax":
                return logits.softmax(1)
            case "no_grad":
                return logits.detach()
            case "blown up":
                return logits * 1000
            case "blind":
                return logits * 0 + self.fc.bias
            case "transposed":
                return logits.T
            case "nan":
                return logits / 0 * 0
        return logits


class Noisy(nn.Module):
    """Batch norm and dropout, which change state and draw random numbers when they train."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop, self.fc = nn.BatchNorm2d(3), nn.Dropout(0.1), nn.Linear(3072, 10)

    def forward(self, images):
        return self.fc(self.drop(self.norm(images)).flatten(1)) / 3


def every_check(images, labels):
    return [
        partial(checks.output_shape, images=images, num_classes=10),
        partial(checks.parameter_count, expected=25_700),
        partial(checks.initial_loss, images=images, labels=labels),
        partial(checks.gradients_reach_input, images=images, labels=labels),
        partial(checks.overfits_one_batch, images=images, labels=labels),
    ]


def test_the_cnn_passes_every_check(batch, capsys):
    for check in every_check(*batch):
        check(CNN())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "output shape (8, 3, 32, 32) → (8, 10): one logit a class ✓"
    assert lines[1] == "25,700 parameters, as expected ✓"
    assert lines[2].startswith("initial loss 2.3") and "ln 10 = 2.30" in lines[2]
    assert lines[3] == "gradients reach all 10 parameter tensors and the input ✓"
    assert lines[4] == "one batch of 8 images learnt by heart in 150 steps ✓"
    assert len(lines) == 5 and all(line.endswith("✓") for line in lines)


@pytest.mark.parametrize("training", [True, False])
def test_checks_leave_model_and_chance_alone(batch, training):
    model = Noisy().train(training)
    model.drop.eval()  # a part may be in another mode than the whole
    modes = [m.training for m in model.modules()]
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    images, labels = batch[0].clone(), batch[1].clone()
    for check in every_check(images, labels):
        if check.func is not checks.parameter_count:
            check(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(images, batch[0]) and images.grad is None and not images.requires_grad


def test_frozen_layers_need_no_gradient(batch):
    model = CNN()
    model.conv1.requires_grad_(False)
    checks.gradients_reach_input(model, *batch)
    checks.parameter_count(model, 25_700 - 280)


@pytest.mark.parametrize(
    "mistake, check, message",
    [
        ("softmax", "initial_loss", "forward ends in a softmax.*return the logits"),
        ("softmax", "overfits_one_batch", "forward ends in a softmax.*return the logits"),
        ("blown up", "initial_loss", r"initial loss \d+\.\d\d, expected near ln 10 = 2.30.*scaled"),
        ("nan", "initial_loss", "initial loss nan, expected near"),
        ("branch detached", "gradients_reach_input", "no gradient reaches conv1.weight.*detached"),
        ("unused", "gradients_reach_input", "no gradient reaches unused.weight: is it left out"),
        ("input detached", "gradients_reach_input", "no gradient reaches the input"),
        ("zeros", "gradients_reach_input", "no gradient reaches the input.*weights all zero"),
        ("no_grad", "gradients_reach_input", "no gradient reaches the input.*no_grad"),
        ("blind", "overfits_one_batch", "after 150 steps.*does the output depend on the image"),
    ],
)
def test_a_mistake_is_told(batch, mistake, check, message):
    with pytest.raises(CheckFailed, match=message) as error:
        getattr(checks, check)(Variant(mistake), *batch)
    assert "\n" not in str(error.value)


def test_a_wrong_shape_is_told(batch):
    images, _ = batch
    with pytest.raises(CheckFailed, match=r"the model gives \(8, 7\), expected \(8, 10\)"):
        checks.output_shape(CNN(num_classes=7), images, 10)
    with pytest.raises(CheckFailed, match=r"the model gives \(10, 8\), expected \(8, 10\)"):
        checks.output_shape(Variant("transposed"), images, 10)
    grey = CNN()
    grey.conv1 = nn.Conv2d(1, 10, 3)
    with pytest.raises(CheckFailed, match="forward fails on images.*channels"):
        checks.output_shape(grey, images, 10)


def test_a_wrong_count_is_told():
    model = CNN()
    model.conv1 = nn.Conv2d(3, 10, kernel_size=5)
    with pytest.raises(CheckFailed, match="26,180 parameters, expected 25,700: compare kernel"):
        checks.parameter_count(model, 25_700)


def test_images_that_are_not_normalised_are_told(batch):
    with pytest.raises(CheckFailed, match="are the images normalised"):
        checks.initial_loss(CNN(), batch[0] * 255, batch[1])


def test_a_failed_check_leaves_the_model_as_it_was(batch):
    model = CNN().train()
    with pytest.raises(CheckFailed):
        checks.output_shape(model, batch[0][:, :1], 10)
    assert model.training
