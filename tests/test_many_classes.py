"""Hundreds and thousands of classes: nothing that is shown or kept grows with their square."""

import json
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from picture_folders import CLASSES, SMALL, read_json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from course_utils import Totals
from course_utils.commands.resumed import check_same_data
from course_utils.data.folders import image_splits
from course_utils.show import class_plots, pictures
from course_utils.store.class_names import few
from course_utils.training import metrics


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def names(count: int) -> list[str]:
    return [f"a class with a rather long name {i}" for i in range(count)]


def confusion(count: int) -> torch.Tensor:
    counts = 40 * torch.eye(count, dtype=torch.int64)
    counts[3, 7], counts[count - 1, 2] = 12, 10
    return counts


@pytest.mark.parametrize("count", [61, 300, 2_000])
def test_the_confusion_figure_has_one_size(count):
    figure = class_plots.plot_confusion(confusion(count), names(count))
    assert figure.get_size_inches().tolist() == [13, 5.5]
    assert len(figure.findobj()) < 600
    matrix, pairs, _ = figure.axes
    cells = np.asarray(matrix.images[0].get_array())
    step = -(-count // class_plots.CELLS)
    assert cells.shape == (-(-count // step),) * 2 and len(cells) <= class_plots.CELLS
    assert cells.diagonal().min() > 70  # the largest of a cell, which no mean washes out
    assert cells[3 // step, 7 // step] >= 100 * 12 / 52 - 1e-9
    assert [label.get_text() for label in pairs.get_yticklabels()] == ["a class with a rather l…"
        " → a class with a rather l…"] * 2  # fmt: skip
    assert [bar.get_width() for bar in pairs.patches] == [12, 10]
    tracemalloc.start()
    figure.canvas.draw()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6
    assert figure.canvas.buffer_rgba().nbytes < 4e6


def test_sixty_classes_keep_their_names_on_a_figure_that_can_be_shown():
    figure = class_plots.plot_confusion(confusion(60), names(60))
    assert max(figure.get_size_inches()) <= 14
    assert len(figure.axes[0].get_yticklabels()) == 60


def test_without_a_mistake_there_are_no_pairs():
    figure = class_plots.plot_confusion(torch.eye(100), names(100))
    figure.canvas.draw()
    assert not figure.axes[1].patches


def test_of_many_classes_the_best_and_the_worst_are_drawn():
    accuracy = torch.linspace(0.1, 0.9, 1000).tolist()
    accuracy[500] = float("nan")
    figure = class_plots.plot_per_class(accuracy, [f"c{i}" for i in range(1000)])
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [f"c{i}" for i in (*range(15), *range(985, 1000))]
    assert figure.get_size_inches()[1] <= 11


def test_a_gallery_ends(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_CELLS", 6)
    figure = pictures.show_images(torch.rand(10, 3, 4, 4), titles=["$x$"] * 10)
    assert len([ax for ax in figure.axes if ax.get_visible()]) == 6
    assert figure.get_supxlabel() == "… and 4 more"
    figure.canvas.draw()


def test_names_are_no_formulas():
    classes = [r"$\frac{a}$", "b$"]
    class_plots.plot_confusion(torch.eye(2), classes).canvas.draw()
    class_plots.plot_per_class([0.5, 1.0], classes).canvas.draw()
    probabilities = torch.tensor([[0.9, 0.1]])
    images, labels = torch.rand(1, 3, 4, 4), torch.tensor([1])
    pictures.show_predictions(images, labels, probabilities, classes).canvas.draw()
    pictures.plot_probabilities(images[0], probabilities[0], classes).canvas.draw()


def test_thousands_of_classes_have_no_matrix_but_the_same_sums():
    torch.manual_seed(0)
    totals = Totals(3_000, "cpu", top_k=5)
    logits, labels = torch.randn(64, 3_000), torch.randint(3_000, (64,))
    logits[torch.arange(16), labels[:16]] = 9.0
    for part in torch.arange(64).split(10):
        totals.add(torch.tensor(0.5), logits[part], labels[part])
    right = int((logits.argmax(1) == labels).sum())
    assert totals.confusion is None and totals.right_of_all().tolist() == [right, 64]
    assert totals.compute()["accuracy"] == right / 64
    saved = totals.state_dict()
    assert sum(value.numel() for value in saved.values()) < 10
    other = Totals(3_000, "cpu", top_k=5)
    other.load_state_dict(saved)
    assert other.join().compute() == totals.compute()


def test_the_commonest_mistakes_are_those_of_the_whole_matrix():
    counts = torch.randint(50, (40, 40), generator=torch.Generator().manual_seed(0))
    pairs = [(a, b, int(counts[a, b])) for a in range(40) for b in range(40) if a != b]
    largest = sorted((count for *_, count in pairs), reverse=True)[:30]
    found = metrics.most_confused(counts, 30)
    assert [count for *_, count in found] == largest and set(found) <= set(pairs)


def test_a_run_and_its_test_do_without_a_matrix(pictures, tmp_path, course, monkeypatch):
    monkeypatch.setattr("course_utils.training.metrics.MOST_CONFUSION", 2)
    monkeypatch.setattr("course_utils.commands.train.MOST_CONFUSION", 2)
    monkeypatch.setattr("course_utils.commands.test.MOST_NAMES", 2)
    run = tmp_path / "run"
    assert course("train", "--data", pictures, "--out", run, *SMALL, "--epochs", 1)[0] == 0
    events = EventAccumulator(str(run)).Reload().Tags()
    assert "epoch/val_accuracy" in events["scalars"] and not events["images"]
    code, said, _ = course("test", run / "best.pt")
    result = read_json(run / "record.json")["test"]
    assert code == 0 and "confusion" not in result and "taken for  " not in said
    assert result["class_images"] == [2, 2, 2] and sum(result["class_correct"]) == result["correct"]
    assert sum(count for *_, count in result["confused"]) == 6 - result["correct"]
    assert all(name in said for name in CLASSES)


def test_the_record_of_a_test_is_small():
    """Of 500 classes and as many mistakes as there can be."""
    from course_utils.commands.test import MOST_PAIRS, _by_class

    labels = torch.arange(500).repeat(20)
    kept = _by_class(labels, torch.randint(500, labels.shape), 500)
    assert len(kept["confused"]) == MOST_PAIRS and len(json.dumps(kept, indent=1)) < 30_000


def test_lines_about_classes_name_a_few(tmp_path):
    for split, count in (("train", 300), ("val", 3)):
        for i in range(count):
            (tmp_path / split / f"c{i:03d}").mkdir(parents=True)
            (tmp_path / split / f"c{i:03d}" / "a.png").touch()
    with pytest.raises(ValueError, match="only train has c003, c004, c005, c006, c007 …$"):
        image_splits(tmp_path, bad_images="unchecked")
    assert few(["a", "b"]) == "a, b"


def test_a_resume_names_the_classes_that_differ(tmp_path, monkeypatch):
    then = {"about": {"classes": names(300)}}
    now = names(300)
    now[250] = "renamed"
    monkeypatch.setattr("course_utils.commands.resumed.load_latest", lambda run: then)
    with pytest.raises(ValueError, match="a class with a rather long name 250, .* are renamed, "):
        check_same_data(tmp_path, {"classes": now, "pictures": {}})
