"""Features computed once: the same as the network's own, and as good to learn from."""

from types import SimpleNamespace

import pytest
import torch
from helpers import same, small_set
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import (
    Batches,
    backbone_features,
    create_model,
    evaluate,
    head_features,
    image_splits,
    load_checkpoint,
    pretrained,
    train_head,
)
from course_utils.commands import cached_features, train as runs
from course_utils.commands.cached_features import one_view_is_enough


@pytest.fixture
def model():
    torch.manual_seed(0)
    return create_model("resnet18", 4, stem="cifar", width=4)


def test_the_head_on_the_features_is_the_network(model):
    loader = Batches(small_set(), 8)
    features, labels = backbone_features(model, loader).tensors
    assert features.shape == (50, 32) and features.dtype == torch.float32
    assert torch.equal(labels, small_set().labels)
    assert model.training and isinstance(model.fc, nn.Linear)  # as it was found
    images = torch.cat([images for images, _ in loader])
    with torch.no_grad():
        model.eval()
        assert torch.allclose(model.fc(features), model(images), atol=1e-5)


def test_every_view_is_another(model):
    crops = Batches(small_set(), 8, augment=True, padding=2)
    features, labels = backbone_features(model, crops, views=3).tensors
    assert features.shape == (150, 32)
    assert torch.equal(labels.view(3, 50), small_set().labels.expand(3, 50))
    first, second, third = features.view(3, 50, 32)
    assert not torch.allclose(first, second) and not torch.allclose(second, third)


def test_only_the_head_learns(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train, val = (
        backbone_features(model, Batches(small_set(n, s), 8)) for n, s in [(50, 0), (30, 1)]
    )
    history = train_head(model, train, val, epochs=30, learning_rate=0.1)
    assert len(history) == 30 and history[-1]["val_accuracy"] > 0.5  # chance: 0.25
    rates = [entry["learning_rate"] for entry in history]
    assert rates == sorted(rates, reverse=True) and rates[0] > 0.09 and rates[-1] < 0.001
    changed = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed == {"fc.weight", "fc.bias"}
    whole = evaluate(model, Batches(small_set(30, 1), 8))
    assert whole["accuracy"] == pytest.approx(history[-1]["val_accuracy"])
    assert whole["loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-4)


def test_a_folder_of_pictures_gives_views_to_learn_from_and_one_to_choose_on(pictures):
    torch.manual_seed(0)
    data = image_splits(pictures, size=32)
    model = pretrained("resnet18", 3, "own")
    (train, val), (again, same_val) = (head_features(model, data, views=v) for v in (3, 1))
    assert torch.equal(train.tensors[1], data.train.labels.repeat(3))
    assert torch.equal(again.tensors[1], data.train.labels)
    assert not torch.allclose(train.tensors[0][:12], train.tensors[0][12:24])  # other crops
    assert torch.equal(val.tensors[0], same_val.tensors[0]) and len(val) == len(data.val) == 6
    history = train_head(model, train, val)
    assert history[-1]["val_accuracy"] > 0.8  # three colours; chance: 0.33


def test_the_seed_decides_the_order(model):
    train = backbone_features(model, Batches(small_set(), 8))
    start = {name: value.clone() for name, value in model.state_dict().items()}
    runs = []
    for seed in (1, 1, 2):
        model.load_state_dict(start)
        runs.append(train_head(model, train, train, epochs=2, seed=seed))
    assert same(runs[0], runs[1]) and not same(runs[0], runs[2])


def test_what_has_no_features(model):
    with pytest.raises(ValueError, match="Flatten has no linear layer 'fc' at its end"):
        backbone_features(nn.Flatten(), [])
    empty = DataLoader(TensorDataset(torch.zeros(0, 3, 8, 8), torch.zeros(0)), 4)
    with pytest.raises(ValueError, match="no image to compute features of"):
        backbone_features(model, empty)
    assert isinstance(model.fc, nn.Linear)


# ---- course train --trained head --augment none ----

HEAD = ["--weights", "own", "--trained", "head", "--augment", "none", "--epochs", 3]
HEAD += ["--image-size", 32, "--no-tensorboard", "--learning-rate", 0.05]


@pytest.mark.parametrize("balance", ["none", "sampler"])
def test_a_head_learns_the_same_from_features(balance, pictures, tmp_path, course, monkeypatch):
    words = ["train", "--data", pictures, *HEAD, "--balance", balance, "--out"]
    code, said, error = course(*words, tmp_path / "fast")
    assert code == 0 and "features of 12 + 6 images computed once" in said, error
    monkeypatch.setattr(runs, "one_view_is_enough", lambda *told: False)
    code, said, error = course(*words, tmp_path / "slow")
    assert code == 0 and "features" not in said, error
    fast, slow = (load_checkpoint(tmp_path / run / "last.pt") for run in ("fast", "slow"))
    for name, value in slow["model"].items():
        assert torch.allclose(fast["model"][name], value, rtol=1e-4, atol=1e-5), name
    for one, other in zip(fast["history"], slow["history"], strict=True):
        assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-4)
    assert course("test", tmp_path / "fast" / "best.pt")[0] == 0  # it is a whole network


def what_is_told(**other) -> SimpleNamespace:
    return SimpleNamespace(**{"trained": "head", "augment": "none"} | other)


def test_features_are_not_kept_where_they_differ(pictures, model, monkeypatch):
    data = image_splits(pictures, size=32)
    assert one_view_is_enough(model, data, what_is_told())
    for other in ({"augment": "usual"}, {"trained": "last_stage"}):
        assert not one_view_is_enough(model, data, what_is_told(**other))
    in_memory = SimpleNamespace(train=small_set(), val=small_set())
    assert not one_view_is_enough(model, in_memory, what_is_told())
    for name, options in {"googlenet": {}, "narrow_resnet": {}}.items():  # dropout; a scaled head
        other = create_model(name, 3, **options)
        torch.nn.init.ones_(other.fc.bias)
        assert not one_view_is_enough(other, data, what_is_told())
    monkeypatch.setattr(cached_features, "MOST", 100)
    assert not one_view_is_enough(model, data, what_is_told())
