"""Which pictures are train, val and test, however people lay them out."""

import os
from pathlib import Path

from course_utils.store.dividing import divide
from course_utils.store.folder_listing import (
    SPLITS,
    Listing,
    listed,
    listed_classes,
    scan,
    split_folder,
)
from course_utils.store.labels import read_labels


def splits_below(
    root: Path,
    val_share: float | None = None,
    labels: str | os.PathLike | None = None,
    data_val: str | os.PathLike | None = None,
) -> dict[str, Listing]:
    """Classes, pictures and other files of train, val and, where there is one, test.

    By default in ``train/``, ``val/`` and ``test/``. ``val_share`` is held out for val of the
    classes in ``train/``, or else right in ``root``; or of the pictures in a table ``labels``, see
    `read_labels`. ``data_val`` is a folder of classes, as ``root`` then is too. Raises
    ``ValueError`` and ``OSError`` for other layouts.
    """
    if data_val is not None:
        other = Path(data_val).expanduser()
        return {"train": listed_classes(root, root), "val": listed_classes(other, other)}
    if labels is not None:
        return _held_out(read_labels(Path(labels).expanduser(), root), val_share)
    test = split_folder(root, "test")
    if val_share is None:
        found = {split: listed(root, split) for split in ("train", "val")}
    else:
        if val := split_folder(root, "val"):
            raise ValueError(f"{val} is there already: leave --val-share out")
        folder = split_folder(root, "train") or root
        found = _held_out(listed_classes(folder, root, leave_out=[test] if test else []), val_share)
    if test and _is_labelled(test, found["train"][0]):
        found["test"] = listed(root, "test")
    elif test:
        print(f"data: {test}: none of its folders is a class of train; left out, as it is no test")
    return found


def _held_out(listing: Listing, val_share: float) -> dict[str, Listing]:
    classes, samples, others = listing
    parts = divide(samples, {"val": val_share})
    return {
        "train": (classes, samples.only(parts["train"]), others),
        "val": (classes, samples.only(parts["val"]), []),
    }


def _is_labelled(folder: Path, classes: tuple[str, ...]) -> bool:
    return not {*scan(folder, folder)[0]}.isdisjoint(classes)


def picture_folders(root: Path) -> list[Path]:
    """The folders below which pictures lie: those of the splits, or else the whole."""
    if not root.is_dir():
        return []
    found = [folder for split in SPLITS if (folder := split_folder(root, split))]
    return found if split_folder(root, "train") else [root]
