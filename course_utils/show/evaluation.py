"""The result of `course test` as text."""

import torch

from course_utils.training.metrics import per_class_accuracy

MOST_CLASSES = 20  # a wider confusion matrix fits no terminal; then the largest mistakes are listed


def result_text(result: dict) -> str:
    """Accuracy with its interval, top-k, and each class with its row of the confusion matrix."""
    low, high = result["interval"]
    split = "test" if result["split"] == "test" else "validation"
    lines = [
        f"{split} accuracy {result['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%}), "
        f"loss {result['loss']:.4f}, {result['images']:,} images of {result['data']}"
    ]
    if result["chosen"]:
        lines.append("the best epoch was chosen on these images: on new ones expect a little less")
    if result["top"]["k"] > 1:
        lines.append(f"top-{result['top']['k']} accuracy {result['top']['accuracy']:.2%}")
    return "\n".join([*lines, "", class_table(result["classes"], result["confusion"])])


def class_table(classes: list[str], confusion: list[list[int]]) -> str:
    """Accuracy of every class, and what its images were taken for.

    >>> print(class_table(["ants", "bees"], [[3, 1], [0, 2]]))
    true class  images  accuracy  taken for  ants  bees
    ants             4    75.0 %                3     1
    bees             2   100.0 %                0     2
    """
    counts = torch.tensor(confusion)
    accuracies = per_class_accuracy(counts).tolist()
    names = [name if len(name) <= 24 else f"{name[:23]}…" for name in classes]
    first = max(len("true class"), *map(len, names))
    few = len(classes) <= MOST_CLASSES
    heads = [name if len(name) <= 8 else f"{name[:7]}…" for name in classes] if few else []
    widths = [max(len(head), len(str(max(row)))) for head, row in zip(heads, counts.T.tolist())]
    head = f"{'true class':{first}}  images  accuracy" + ("  taken for" if few else "")
    lines = [head + "".join(f"  {name:>{width}}" for name, width in zip(heads, widths))]
    for name, row, accuracy in zip(names, confusion, accuracies):
        share = f"{100 * accuracy:.1f} %" if sum(row) else "no image"
        cells = "".join(f"  {count:>{width}}" for count, width in zip(row, widths))
        gap = " " * len("  taken for") if few else ""
        lines.append(f"{name:{first}}  {sum(row):6}  {share:>8}{gap}{cells}")
    return "\n".join(lines if few else [*lines, "", *_mistakes(names, counts)])


def _mistakes(names: list[str], confusion: torch.Tensor, most: int = 10) -> list[str]:
    """The most frequent confusions, for more classes than a matrix can show."""
    wrong = confusion - torch.diag(confusion.diagonal())
    counts, places = wrong.flatten().topk(min(most, wrong.numel()))
    return [
        f"{names[place // len(names)]} taken for {names[place % len(names)]}: {count} times"
        for count, place in zip(counts.tolist(), places.tolist())
        if count
    ]
