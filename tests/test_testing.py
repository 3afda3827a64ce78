"""The evaluation on the test split, and how it is told."""

import pytest
import torch

from course_utils.show.evaluation import class_table, result_text
from course_utils.training.metrics import Totals, top_k


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


def test_columns_stand_under_their_heads():
    names = ["a", "a class with a name that is much too long", "ß"]
    table = class_table(names, [[1000, 2, 3], [0, 0, 0], [4, 5, 60]]).splitlines()
    head, *rows = table
    assert len({len(line) for line in table}) == 1
    assert rows[0].split() == ["a", "1005", "99.5", "%", "1000", "2", "3"]
    assert rows[1].startswith("a class with a name tha…") and "no image" in rows[1]
    assert head.endswith("  taken for     a  a class…   ß")


def test_of_many_classes_the_largest_mistakes_are_listed():
    confusion = (50 * torch.eye(30)).long()
    confusion[3, 7], confusion[8, 2] = 9, 4
    lines = class_table([f"kind {i}" for i in range(30)], confusion.tolist()).splitlines()
    assert len(lines) == 1 + 30 + 1 + 2 and "taken for" not in lines[0]
    assert lines[4].split() == ["kind", "3", "59", "84.7", "%"]
    assert lines[-2:] == ["kind 3 taken for kind 7: 9 times", "kind 8 taken for kind 2: 4 times"]


def test_two_classes_have_no_top_k():
    result = {
        "accuracy": 0.75, "loss": 0.5, "images": 4, "data": "ants", "split": "val", "chosen": True,
        "interval": (0.3, 0.95), "top": {"k": 1, "accuracy": 0.75}, "classes": ["a", "b"],
        "confusion": [[2, 0], [1, 1]],
    }  # fmt: skip
    said = result_text(result)
    assert said.startswith("validation accuracy 75.00% (95 % interval 30.00% to 95.00%), loss 0.5")
    assert "the best epoch was chosen on these" in said and "top-" not in said
    said = result_text(
        result | {"split": "test", "chosen": False, "top": {"k": 3, "accuracy": 1.0}}
    )
    assert said.startswith("test accuracy") and "chosen" not in said
    assert "top-3 accuracy 100.00%" in said
