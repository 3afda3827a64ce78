"""PyTorch's errors in terms of the settings that fix them."""

import pytest
import torch
from helpers import CLASSES, Noisy, small_model, small_run, small_set
from torch import nn
from torch.utils.data import DataLoader, Subset

from course_utils import Batches, fit
from course_utils.data.loading import LoadingError
from course_utils.engine.explain import check_labels, explained, explained_memory


class Wasteful(nn.Module):
    """Asks for 4 PB as soon as the batch is larger than it can bear."""

    def __init__(self, bears: int, modes=(True, False)):
        super().__init__()
        self.inner, self.bears, self.modes = small_model(), bears, modes

    def forward(self, images):
        if len(images) > self.bears and self.training in self.modes:
            torch.empty(10**15)
        return self.inner(images)


def test_out_of_memory_suggests_a_batch_size_and_halves_nothing():
    model, seen = Wasteful(bears=4), []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    with pytest.raises(MemoryError, match=r"at batch_size=8: try batch_size=4, or mixed") as error:
        small_run(model=model)
    assert seen == [8] and "\n" not in str(error.value)


def test_out_of_memory_in_validation_names_its_batch_size():
    with pytest.raises(MemoryError, match="at batch_size=30: try batch_size=15"):
        small_run(
            model=Wasteful(bears=8, modes=[False]), val_loader=Batches(small_set(30), batch_size=30)
        )


def test_out_of_memory_without_a_batch_size_to_halve():
    with pytest.raises(MemoryError, match="out of memory: try a smaller batch size"):
        small_run(model=Wasteful(0), train_loader=list(Batches(small_set(), 8)))
    with pytest.raises(MemoryError, match="batch_size=1: try smaller images or a smaller model"):
        small_run(model=Wasteful(0), train_loader=Batches(small_set(), 1))
    with pytest.raises(MemoryError, match="out of memory"), explained(None, 4):
        raise RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB)")


def wrong_labels(wrong: int = 7):
    data = small_set()
    data.labels[3] = wrong
    return data


@pytest.mark.parametrize(
    "loader",
    [
        lambda data: Batches(data, 8, shuffle=True),
        lambda data: DataLoader(Noisy(data), 8),
        lambda data: DataLoader(Listed(data), 8),
    ],
)
def test_a_label_too_large_is_seen_before_training(loader):
    model, seen = small_model(), []
    model.register_forward_pre_hook(lambda *_: seen.append(1))
    with pytest.raises(ValueError, match=r"from 0 to 7, but num_classes is 4: .* 0 … 3"):
        small_run(model=model, train_loader=loader(wrong_labels()))
    with pytest.raises(ValueError, match="from -1 to 3"):
        small_run(model=model, val_loader=loader(wrong_labels(-1)))
    assert not seen


class Listed(Noisy):
    """torchvision's data sets hold their labels in a list."""

    def __init__(self, data):
        super().__init__(data)
        self.targets = data.labels.tolist()


def test_labels_that_are_changed_on_the_way_are_not_judged_beforehand():
    data = Listed(wrong_labels())
    data.target_transform = lambda label: label % 4
    check_labels([DataLoader(data), DataLoader(Subset(data, [3])), [], None], 4)
    data = Noisy(small_set())
    data.targets = ["cat", "dog"]
    check_labels([DataLoader(data)], 4)
    data.targets = torch.tensor([])
    check_labels([DataLoader(data)], 4)


@pytest.mark.parametrize("loss_fn", [None, nn.CrossEntropyLoss(label_smoothing=0.1)])
def test_a_label_not_at_hand_beforehand_is_named_in_its_step(loss_fn):
    loader = DataLoader(Subset(Noisy(wrong_labels()), range(50)), 8)
    with pytest.raises(ValueError, match=r"label 7 does not fit: .* 0 … 3, .* num_classes = 4"):
        small_run(train_loader=loader, loss_fn=loss_fn)
    with pytest.raises(ValueError, match="label 7 does not fit"):
        small_run(val_loader=loader)


def test_a_gpu_does_not_say_which_label():
    with pytest.raises(ValueError, match="a GPU does not say.*0 … 3"), explained(None, 4):
        raise RuntimeError("CUDA error: device-side assert triggered")


@pytest.mark.parametrize("width, words", [(2, "must give num_classes = 4"), (6, r"\(8, 6\)")])
def test_logits_of_another_width(width, words):
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, width))
    data = Batches(small_set(), 8)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match=words):
        fit(model, data, data, optimizer, epochs=1, num_classes=CLASSES)


@pytest.mark.parametrize(
    "error", [LoadingError("image 7 (a.jpg)"), RuntimeError("b"), IndexError()]
)
def test_other_errors_pass_unchanged(error):
    class Loader(Batches):
        def __iter__(self):
            yield from list(super().__iter__())[:2]
            raise error

    with pytest.raises(type(error)) as caught:
        small_run(train_loader=Loader(small_set(), 8))
    assert caught.value is error


def test_memory_is_explained_outside_of_the_loop_too():
    with pytest.raises(MemoryError, match="out of memory: try smaller images or"):  # noqa: SIM117
        with explained_memory():
            torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(MemoryError, match="at batch_size=4: try batch_size=2"), explained_memory():
        raise MemoryError("out of memory at batch_size=4: try batch_size=2")
    with pytest.raises(RuntimeError, match="another"), explained_memory():
        raise RuntimeError("another error")
