"""Which part of a network learns, and that the rest does not change at all."""

import pytest
import torch
from helpers import At, small_set

from course_utils import create_model, fit, freeze
from course_utils.data.batches import Batches
from course_utils.training.freezing import Stages
from course_utils.training.optim import make_optimizer


def image_batches() -> Batches:
    return Batches(small_set(), 10)


def trained_names(model) -> set[str]:
    return {n.partition(".")[0] for n, p in model.named_parameters() if p.requires_grad}


PARTS = {
    "head": {"fc"},
    "last_stage": {"layer4", "fc"},
    "all": {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"},
}


@pytest.mark.parametrize("trained", PARTS)
def test_what_learns_changes_and_nothing_else(trained):
    torch.manual_seed(0)
    model = create_model("resnet18", 4, stem="cifar", width=4)
    freeze(model, trained)
    assert trained_names(model) == PARTS[trained]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    fit(model, image_batches(), image_batches(), optimizer, epochs=1, num_classes=4)
    changed = {n.partition(".")[0] for n, v in model.state_dict().items() if not v.equal(before[n])}
    assert changed == PARTS[trained]  # running statistics are among what is compared


def test_it_can_be_thawed_step_by_step():
    model = create_model("resnet18", 2, stem="64px", width=4)
    for trained in ("head", "last_stage", "head", "all"):
        freeze(model, trained)
        assert trained_names(model) == PARTS[trained]
    model.train()
    before = model.bn1.running_mean.clone()
    model(torch.randn(4, 3, 32, 32))
    assert not model.bn1.running_mean.equal(before)
    assert len(model.bn1._forward_pre_hooks) == 1


@pytest.mark.parametrize("name, stage", [("googlenet", "inception5b"), ("resnet20", "layer3")])
def test_the_last_stage_of_other_networks(name, stage):
    model = create_model(name, 2)
    freeze(model, "last_stage")
    assert trained_names(model) == {stage, "fc"}


def stages(epochs: int, model=None, **options):
    """A training in stages: what learnt in each epoch, and the rates of the groups."""
    torch.manual_seed(0)
    model = model or create_model("resnet18", 4, stem="cifar", width=4)
    optimizer = make_optimizer(model, "sgd", 0.1, body=0.1)
    learnt = []
    look = At(0, None)
    look.on_step = lambda state: learnt.append(trained_names(model))
    loaders = Batches(small_set(), 25), Batches(small_set(30), 25)
    told = {"epochs": epochs, "num_classes": 4, "callbacks": [Stages(**options), look]}
    fit(model, *loaders, optimizer, **told)
    return learnt[::2], [group["lr"] for group in optimizer.param_groups]


def test_a_network_thaws_in_three_stages(capsys):
    learnt, rates = stages(6)
    names = [name for name in ("head", "last_stage", "all") for _ in range(2)]
    assert learnt == [PARTS[name] for name in names]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01])
    told = capsys.readouterr().out.splitlines()
    assert told == ["epoch 1: head learns", "epoch 3: last stage learns", "epoch 5: all learns"]
    assert stages(4)[0] == [PARTS[name] for name in ("head", "head", "last_stage", "all")]


@pytest.mark.parametrize("kept", [True, False])
def test_norms_that_learn_may_keep_their_statistics(kept):
    model = create_model("resnet18", 4, stem="cifar", width=4)
    before = {name: value.clone() for name, value in model.named_buffers()}
    stages(3, model, keep_statistics=kept)
    same = [torch.equal(value, before[name]) for name, value in model.named_buffers()]
    assert all(same) == kept and model.bn1.weight.requires_grad


def test_what_cannot_be():
    with pytest.raises(ValueError, match="trained is 'body'; .* all, last_stage, head"):
        freeze(create_model("cnn"), "body")
    with pytest.raises(ValueError, match="Sequential has no last layer called fc"):
        freeze(torch.nn.Sequential(torch.nn.Linear(2, 2)))
