"""Evaluate a trained network: what `course test` does, and nothing else may."""

import warnings
from pathlib import Path

import torch
from torch import Tensor

from course_utils.commands.mistakes import Mistake, mistakes_csv, mistakes_png
from course_utils.commands.open_data import DIVIDING, check_data, eval_loader, open_data
from course_utils.data import profile as profiles
from course_utils.data.datasets import ImageSet, Splits
from course_utils.data.folders import labelled_pictures
from course_utils.engine.checkpoint import load_model
from course_utils.engine.explain import explained_memory
from course_utils.engine.run_folder import read_record, record_lock, write_record
from course_utils.store.class_names import few
from course_utils.store.files import write_whole
from course_utils.store.locations import LAYOUTS, data_kind
from course_utils.store.terminal import shown
from course_utils.training.loop import evaluate
from course_utils.training.metrics import MOST_NAMES, Totals, accuracy_interval

MOST_PAIRS = 100  # of classes that are confused; so many are recorded


class Answers(Totals):
    """The totals of a test, and what each image was taken for, in order; all on the CPU."""

    def reset(self) -> None:
        super().reset()
        self.parts = []

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        super().add(loss, logits, labels)
        confidence = logits.float().softmax(1).amax(1)
        self.parts.append([x.cpu() for x in (labels, logits.argmax(1), confidence)])

    def of_images(self) -> tuple[Tensor, Tensor, Tensor]:
        """Labels, predicted classes and their probabilities: (N,) each."""
        return tuple(map(torch.cat, zip(*self.parts)))


@explained_memory()
def test(
    checkpoint: Path,
    data: str | None = None,
    device: str = "auto",
    split: str = "test",
    pictures: Path | None = None,
    csv: Path | None = None,
    labels: str | None = None,
) -> dict:
    """Evaluate a checkpoint on the test split and add the result to its run's record.

    ``data``: default what the run was trained on. ``split="val"`` is for sets without test images.
    ``labels``: a table of the pictures in ``data``, see `read_labels`; all of them are tested.
    ``pictures``: a PNG of the surest mistakes; ``csv``: a table of all of them. Returns
    ``accuracy``, ``loss``, ``images``, ``interval`` (95 %), ``classes``, ``confused`` (the
    commonest mistakes: true, predicted, count), ``confusion`` (of at most `MOST_NAMES` classes),
    ``top`` (``k`` and the share) and ``chosen`` (whether the epoch was, by these images), among
    others. A run's folder that cannot be written costs a warning. Raises ``ValueError`` where the
    data is of another kind or has no such split, and for a damaged record.
    """
    checkpoint = Path(checkpoint)
    model, about = load_model(checkpoint)
    record = read_record(checkpoint.parent)
    settings = record.get("settings", {})
    trained_on = str(about.get("data"))
    usual = trained_on.removesuffix(" drawings")
    usual = settings.get("data") or (usual if usual in LAYOUTS else "cifar10")
    where = data or usual
    on = profiles.device(device, where)
    same_place = _same_place(where, usual)
    if labels and (split == "val" or data_kind(where) != "folder"):
        raise ValueError("labels are of pictures in a folder to test on: leave them out here")
    splits = _open(where, about, settings, same_place, labels)
    _check_same(checkpoint, about, splits, elsewhere=bool(data or labels))
    part = getattr(splits, split)
    if part is None:
        raise ValueError(
            f"{splits.name} has no test images; --split val evaluates on the validation images, "
            "on which the best epoch was chosen"
        )
    classes = len(splits.classes)
    totals = Answers(classes, on, top_k=min(5, classes - 1))
    result = evaluate(model.to(on), eval_loader(part, device=on), device=on, totals=totals)
    correct, images = map(int, totals.right_of_all())
    result |= {
        "data": splits.about()["data"],
        "split": split,
        "epoch": about["epoch"],
        "chosen": split == "val" and checkpoint.name != "last.pt",  # by these very images
        "images": images,
        "correct": correct,
        "interval": accuracy_interval(correct, images),
        "top": {"k": totals.top_k, "accuracy": int(totals.hits) / images},
        "classes": list(splits.classes),
        **_by_class(*totals.of_images()[:2], classes),
    }
    if classes <= MOST_NAMES:
        result["confusion"] = totals.confusion.tolist()
    if record and same_place and not labels:
        _add(checkpoint.parent, result)
    if pictures or csv:
        _write_mistakes(_mistakes(totals, part), part, result, pictures, csv)
    return result


def _by_class(labels: Tensor, predicted: Tensor, classes: int) -> dict:
    """How many images each class has, how many are right, and the commonest mistakes."""
    wrong = predicted != labels
    pairs, counts = (labels * classes + predicted)[wrong].unique(return_counts=True)
    order = counts.argsort(descending=True, stable=True)[:MOST_PAIRS]
    pairs, counts = pairs[order].tolist(), counts[order].tolist()
    return {
        "class_images": labels.bincount(minlength=classes).tolist(),
        "class_correct": labels[~wrong].bincount(minlength=classes).tolist(),
        "confused": [[*divmod(pair, classes), count] for pair, count in zip(pairs, counts)],
    }


def _mistakes(totals: Answers, part) -> list[Mistake]:
    """Every image that was taken for another class, the surest mistake first."""
    labels, predicted, confidence = totals.of_images()
    wrong = (predicted != labels).nonzero().flatten()
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)]
    rows = zip(*(x[wrong].tolist() for x in (labels, predicted, confidence)))
    return [
        Mistake(i, _source(part, i), part.classes[true], part.classes[guess], share)
        for i, (true, guess, share) in zip(wrong.tolist(), rows)
    ]


def _source(part, index: int) -> str | int:
    return index if isinstance(part, ImageSet) else str(part.samples[index][0])


def _write_mistakes(
    mistakes: list[Mistake], part, result: dict, pictures: Path | None, csv: Path | None
) -> None:
    if csv:
        write_whole(csv, mistakes_csv(mistakes, "index" if isinstance(part, ImageSet) else "file"))
    if pictures:
        about = f"{result['images']:,} images of {result['data']}"
        write_whole(pictures, mistakes_png(mistakes, part, about))


def _same_place(one: str, other: str) -> bool:
    if one in LAYOUTS or other in LAYOUTS:
        return one == other
    return Path(one).expanduser().resolve() == Path(other).expanduser().resolve()


def _add(run: Path, result: dict) -> None:
    """Add a result to a run's record; validation images never take the place of test images.

    The record is read again: the run may have gone on meanwhile.
    """
    try:
        with record_lock(run):
            record = read_record(run)
            tested = record.get("test", {}).get("split", "test" if "test" in record else None)
            if record and (result["split"] == "test" or tested != "test"):
                write_record(run, {**record, "test": result})
    except OSError as error:  # a run may be kept where nothing can be written
        warnings.warn(f"{error}; the result is not recorded", stacklevel=3)


def _open(where: str, about: dict, settings: dict, same_place: bool, labels: str | None) -> Splits:
    """The data, prepared as the checkpoint says, and divided as in its training."""
    form = "drawings" if str(about.get("data")).endswith("drawings") else "real"
    told = {name: tuple(about[name]) for name in ("mean", "std") if name in about}
    if data_kind(where) != "cifar10":
        skip = settings.get("bad_images") == "skip"
        told["bad_images"] = "skip" if skip else "unchecked"  # then one that is bad is named
        told["size"] = about.get("image_size", 224)
        if labels:
            check_data(where, a_part=True)
            return labelled_pictures(where, labels, about.get("classes", ()), **told)
        if same_place:
            told |= {name: settings[name] for name in DIVIDING if settings.get(name)}
    return open_data(where, form, **told)


def _check_same(checkpoint: Path, about: dict, splits: Splits, elsewhere: bool) -> None:
    """Raise ``ValueError`` unless the network knows these classes, drawn or photographed.

    A folder that was named may be another one, with other pictures of the same classes.
    """
    known, found = str(about.get("data")), splits.about()["data"]
    kinds = [name.endswith("drawings") if elsewhere else name for name in (known, found)]
    if kinds[0] != kinds[1] or about.get("classes") != list(splits.classes):
        raise ValueError(
            f"{checkpoint} was trained on {shown(known)} ({_few(about.get('classes'))}), "
            f"this is {shown(found)} ({_few(splits.classes)}); name its data with --data"
        )


def _few(classes) -> str:
    return f"{len(classes)} classes: {few(classes, 3)}" if classes else "classes unknown"
