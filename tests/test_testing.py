"""The evaluation on the test split, and how it is told."""

import pytest
import torch

from course_utils.commands.evaluation import class_table, result_text
from course_utils.store.text import width
from course_utils.training.metrics import Totals, most_confused, top_k


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_in_batches_is_top_k_of_all(k):
    torch.manual_seed(0)
    logits, labels = torch.randn(50, 7), torch.randint(7, (50,))
    totals, plain = Totals(7, "cpu", top_k=k), Totals(7, "cpu")
    for part in torch.arange(50).split(8):
        totals.add(torch.tensor(1.0), logits[part], labels[part])
        plain.add(torch.tensor(1.0), logits[part], labels[part])
    assert int(totals.hits) / 50 == pytest.approx(top_k(logits, labels, k))
    assert torch.equal(totals.confusion, plain.confusion)
    top = {f"top{k}": pytest.approx(top_k(logits, labels, k))}
    assert totals.compute() == plain.compute() | top
    totals.reset()
    assert int(totals.hits) == 0


def result_of(names: list[str], confusion, **changes) -> dict:
    """What `test` returns of such a confusion matrix."""
    counts = torch.as_tensor(confusion)
    correct, images = int(counts.diagonal().sum()), int(counts.sum())
    return {
        "accuracy": correct / images, "loss": 0.5, "images": images, "correct": correct,
        "data": "ants", "split": "test", "chosen": False, "interval": (0.3, 0.95),
        "top": {"k": 1, "accuracy": 1.0}, "classes": names, "confusion": counts.tolist(),
        "class_images": counts.sum(1).tolist(), "class_correct": counts.diagonal().tolist(),
        "confused": most_confused(counts), **changes,
    }  # fmt: skip


def test_columns_stand_under_their_heads():
    names = ["a", "a class with a name that is much too long", "ß"]
    table = class_table(result_of(names, [[1000, 2, 3], [0, 0, 0], [4, 5, 60]])).splitlines()
    head, *rows = table
    assert len({len(line) for line in table}) == 1
    assert rows[0].split() == ["a", "1005", "99.5", "%", "1000", "2", "3"]
    assert rows[1].startswith("a class with a name tha…") and "no image" in rows[1]
    assert head.endswith("  taken for     a  a class…   ß")


def test_of_many_classes_the_largest_mistakes_are_listed():
    confusion = (50 * torch.eye(30)).long()
    confusion[3, 7], confusion[8, 2] = 9, 4
    lines = class_table(result_of([f"kind {i}" for i in range(30)], confusion)).splitlines()
    assert len(lines) == 1 + 30 + 1 + 2 and "taken for" not in lines[0]
    assert lines[4].split() == ["kind", "3", "59", "84.7", "%"]
    assert lines[-2:] == ["kind 3 taken for kind 7: 9 times", "kind 8 taken for kind 2: 4 times"]


def test_two_classes_have_no_top_k():
    result = result_of(["a", "b"], [[2, 0], [1, 1]], split="val", chosen=True)
    first, second, *rest = result_text(result).splitlines()
    assert first == "validation accuracy: 3 of 4 images of ants, 75.0 %"
    assert second == "95 % interval 30.0 % to 95.0 %, loss 0.5000"
    assert rest[0].startswith("the best epoch was chosen on these") and "top-" not in str(rest)
    said = result_text(result | {"split": "test", "chosen": False, "top": {"k": 3, "accuracy": 1}})
    assert said.startswith("test accuracy") and "chosen" not in said
    assert "top-3 accuracy 100.0 %" in said


def test_with_many_images_an_accuracy_has_two_decimals():
    said = result_text(result_of(["a", "b"], [[9_400, 600], [53, 9_947]]))
    assert said.startswith("test accuracy: 19,347 of 20,000 images of ants, 96.73 %\n")


ODD = [
    "蚂蚁和蜜蜂",
    "cafe\u0301 noir",
    "a class with a name that is much longer than most",
    "😀 smile",
]


@pytest.mark.parametrize("count", [2, 10, 100, 1000])
@pytest.mark.parametrize("columns", [60, None])
def test_what_is_printed_stays_readable(count, columns):
    names = [f"{ODD[i % 4]} {i}" if i % 3 else f"kind {i}" for i in range(count)]
    confusion = 40 * torch.eye(count, dtype=torch.int64)
    confusion[0, 1], confusion[1] = 7, 0
    lines = result_text(result_of(names, confusion), columns).splitlines()
    assert len(lines) <= 40
    assert max(map(width, lines)) <= (columns or 150)
    heads = next(i for i, line in enumerate(lines) if line.startswith("true class"))
    table = lines[heads : lines.index("", heads) if "" in lines[heads:] else None]
    assert len({width(line) for line in table if not line.startswith("…")}) == 1  # in columns
    assert any("no image" in line or "without images" in line for line in lines)
    if count > 40:
        assert table[11] == f"… and {count - 21} more classes; without images: 1"
