"""The result of `course test` as text."""

import math

from course_utils.store.text import clipped, padded, width

MOST_COLUMNS = 20  # classes; the matrix of more, or one wider than the terminal, is not shown
MOST_LINES, EXTREMES = 40, 10  # classes; of more the best and the worst are shown
NAME, HEAD = 24, 8  # columns for a class, before its line and above its column
MOST_MISTAKES = 10


def result_text(result: dict, columns: int | None = None) -> str:
    """Accuracy with its interval, top-k, and each class with its row of the confusion matrix.

    ``columns``: of the terminal; None for no limit.
    """
    digits = 1 if result["images"] < 1000 else 2  # an image is at least a tenth of a point
    low, high, accuracy = (
        f"{100 * share:.{digits}f} %" for share in (*result["interval"], result["accuracy"])
    )
    split = "test" if result["split"] == "test" else "validation"
    lines = [
        f"{split} accuracy: {result['correct']:,} of {result['images']:,} images of "
        f"{result['data']}, {accuracy}",
        f"95 % interval {low} to {high}, loss {result['loss']:.4f}",
    ]
    if result["top"]["k"] > 1:
        top = f"{100 * result['top']['accuracy']:.{digits}f} %"
        lines.append(f"top-{result['top']['k']} accuracy {top}")
    if result["chosen"]:
        lines += ["the best epoch was chosen on these images:", "on new ones expect a little less"]
    return "\n".join([*lines, "", class_table(result, columns)])


def class_table(result: dict, columns: int | None = None) -> str:
    """Accuracy of every class, and what its images were taken for.

    Of many classes the best and the worst; where the matrix is too wide, the commonest mistakes.

    >>> tested = {"classes": ["ants", "bees"], "class_images": [4, 2], "class_correct": [3, 2]}
    >>> print(class_table(tested | {"confused": [[0, 1, 1]], "confusion": [[3, 1], [0, 2]]}))
    true class  images  accuracy  taken for  ants  bees
    ants             4    75.0 %                3     1
    bees             2   100.0 %                0     2
    """
    matrix = result.get("confusion", []) if len(result["classes"]) <= MOST_COLUMNS else []
    lines = _class_lines(result, matrix)
    if matrix and width(lines[0]) <= (columns or math.inf):
        return "\n".join(lines)
    return "\n".join([*_class_lines(result, []), *_mistakes(result)])


def _class_lines(result: dict, matrix: list[list[int]]) -> list[str]:
    """A line a class, after the heads; the matrix may be left out."""
    classes, images = result["classes"], result["class_images"]
    shares = [
        right / count if count else None for right, count in zip(result["class_correct"], images)
    ]
    shown, left_out = _extremes(shares)
    names = {i: clipped(classes[i], NAME) for i in shown}
    first = max(len("true class"), *map(width, names.values()))
    heads = [clipped(name, HEAD) for name in classes] if matrix else []
    widths = [max(width(head), len(f"{max(c)}")) for head, c in zip(heads, zip(*matrix))]
    gap = "  taken for" if matrix else ""
    cells = "".join(f"  {padded(head, size, right=True)}" for head, size in zip(heads, widths))
    lines = [f"{'true class':{first}}  images  accuracy{gap}{cells}"]
    for i in shown:
        share = "no image" if shares[i] is None else f"{100 * shares[i]:.1f} %"
        cells = "".join(f"  {n:>{size}}" for n, size in zip(matrix[i] if matrix else [], widths))
        blank = " " * len(gap)
        lines.append(f"{padded(names[i], first)}  {images[i]:6}  {share:>8}{blank}{cells}")
    if left_out:
        lines.insert(1 + EXTREMES, left_out)
    return lines


def _extremes(shares: list[float | None]) -> tuple[list[int], str]:
    """Which classes are shown, and a line about the others: of many the best and the worst."""
    if len(shares) <= MOST_LINES:
        return list(range(len(shares))), ""
    tested = [i for i, share in enumerate(shares) if share is not None]
    ordered = sorted(tested, key=lambda i: -shares[i])
    best, worst = ordered[:EXTREMES], ordered[EXTREMES:][-EXTREMES:]
    others = f"… and {len(ordered) - len(best + worst):,} more classes"
    empty = len(shares) - len(tested)
    return best + worst, others + (f"; without images: {empty:,}" if empty else "")


def _mistakes(result: dict) -> list[str]:
    """The commonest mistakes, for more classes than a matrix can show."""
    names = [clipped(name, NAME) for name in result["classes"]]
    pairs = result["confused"][:MOST_MISTAKES]
    told = [
        f"{names[true]} taken for {names[predicted]}: {count:,} time{'s' if count > 1 else ''}"
        for true, predicted, count in pairs
    ]
    return ["", *told] if told else []
