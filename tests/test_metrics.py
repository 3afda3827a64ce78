"""Sums, intervals and shares against slow computations and published values."""

import pytest
import torch
import torch.nn.functional as F
from helpers import CLASSES, small_model, small_set
from torch import nn

from course_utils import Batches, Totals, accuracy_interval, per_class_accuracy, predictions, top_k
from course_utils.training.metrics import eval_mode


def batches(sizes=(8, 8, 3), classes=5):
    torch.manual_seed(0)
    for size in sizes:
        logits = torch.randn(size, classes, requires_grad=True)
        labels = torch.randint(classes, (size,))
        yield F.cross_entropy(logits, labels), logits, labels


def test_totals_are_those_of_all_images_at_once():
    totals = Totals(5, "cpu")
    for batch in batches():
        totals.add(*batch)
    _, logits, labels = (
        torch.cat([t.reshape(-1, *t.shape[1:]) for t in x]) for x in zip(*batches())
    )
    predicted = logits.argmax(1)
    result = totals.compute()
    assert result["loss"] == pytest.approx(float(F.cross_entropy(logits.double(), labels).detach()))
    assert result["accuracy"] == int((predicted == labels).sum()) / 19
    means = [float(loss.detach()) for loss, *_ in batches()]
    assert result["loss"] != pytest.approx(sum(means) / 3, rel=1e-3)
    slow = torch.zeros(5, 5, dtype=torch.int64)
    for true, guess in zip(labels, predicted):
        slow[true, guess] += 1
    assert torch.equal(totals.confusion, slow)
    assert not torch.equal(slow, slow.T)
    assert not totals.loss_sum.requires_grad


def test_totals_go_on_where_they_were_saved_and_begin_anew():
    first, second, third = batches()
    whole, part, rest = Totals(5, "cpu"), Totals(5, "cpu"), Totals(5, "cpu")
    for batch in (first, second, third):
        whole.add(*batch)
    part.add(*first)
    saved = part.state_dict()
    part.add(*second)  # what was saved does not move along
    rest.load_state_dict(saved)
    rest.add(*second)
    rest.add(*third)
    assert rest.compute() == whole.compute()
    rest.reset()
    rest.add(*first)
    part.load_state_dict(saved)
    assert rest.compute() == part.compute()


def test_totals_of_nothing_are_not_a_number():
    assert str(Totals(3, "cpu").compute()) == "{'loss': nan, 'accuracy': nan}"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [1, 3, 5])
def test_totals_name_the_first_bad_batch(bad, place):
    totals = Totals(2, "cpu")
    for batch in range(1, 6):
        assert totals.bad_batch() == (place if batch > place else None)
        loss = torch.tensor(bad if batch in (place, 4) and batch >= place else 1.0)
        totals.add(loss, torch.zeros(2, 2), torch.tensor([0, 1]))
        totals.end_batch()
    assert totals.bad_batch() == place


def test_logits_of_another_width_are_refused():
    for shape in [(4, 6), (4, 4), (4,), (4, 5, 1)]:
        with pytest.raises(ValueError, match=r"num_classes is 5: expected \(4, 5\)"):
            Totals(5, "cpu").add(torch.tensor(1.0), torch.zeros(shape), torch.zeros(4).long())


def test_of_several_logits_the_first_are_the_answer():
    """As GoogLeNet gives them in training; the loss is of all, as the loss function says."""
    alone, first = Totals(5, "cpu"), Totals(5, "cpu")
    for loss, logits, labels in batches():
        alone.add(loss, logits, labels)
        first.add(loss, (logits, -logits, torch.zeros_like(logits)), labels)
    assert first.compute() == alone.compute() and torch.equal(first.confusion, alone.confusion)
    wrong = torch.zeros(4, 6), torch.zeros(4, 5)
    with pytest.raises(ValueError, match=r"gives logits of shape \(4, 6\), but num_classes is 5"):
        alone.add(torch.tensor(1.0), wrong, torch.zeros(4).long())


def test_accuracy_of_each_class():
    confusion = torch.tensor([[3, 1, 0], [0, 0, 2], [0, 0, 0]])
    assert str(per_class_accuracy(confusion).tolist()) == "[0.75, 0.0, nan]"


@pytest.mark.parametrize(
    "correct, count, low, high",
    [  # Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_of_an_accuracy(correct, count, low, high):
    assert accuracy_interval(correct, count) == pytest.approx((low, high), abs=5e-5)
    mirrored = accuracy_interval(count - correct, count)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize("correct, count", [(0, 0), (5, 4), (-1, 4)])
def test_no_interval_of_what_is_no_accuracy(correct, count):
    with pytest.raises(ValueError, match="not an accuracy"):
        accuracy_interval(correct, count)


def test_top_k_counts_the_k_largest():
    _, logits, labels = next(batches(sizes=(200,)))
    order = logits.argsort(1, descending=True).tolist()
    for k in (1, 2, 5, 9):
        found = sum(label in row[:k] for label, row in zip(labels.tolist(), order))
        assert top_k(logits, labels, k) == pytest.approx(found / 200)
    assert top_k(logits, labels, 5) == 1.0 > top_k(logits, labels, 2) > top_k(logits, labels, 1)


def test_predictions_are_in_the_order_of_the_loader():
    model = small_model().train()
    loader = Batches(small_set(), 8)
    probabilities, labels = predictions(model, loader)
    assert torch.equal(labels, small_set().labels) and model.training
    assert probabilities.shape == (50, CLASSES) and not probabilities.requires_grad
    whole = model.eval()(next(iter(Batches(small_set(), 50)))[0]).softmax(1)
    assert torch.allclose(probabilities, whole, atol=1e-6)
    with pytest.raises(ValueError, match="the loader is empty"):
        predictions(model, [])


def test_eval_mode_is_left_part_by_part():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2)).train()
    model[1].eval()
    with pytest.raises(KeyError), eval_mode(model):
        assert not any(part.training for part in model.modules())
        raise KeyError
    assert [part.training for part in model.modules()] == [True, True, False]
