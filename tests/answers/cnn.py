"""Answers to the exercises of notebook 01: sizes and accuracies."""

from answers.kinds import Bank, edit, written
from answers.script import MENDED_SCRIPT
from answers.steps import EVALUATION, TRAINING_STEP

SIZE = "return last_start // stride + 1"
OUTPUT_SIZE = Bank(
    right=(
        """
def output_size(size, kernel, stride=1, padding=0):
    return math.floor((size + 2 * padding - kernel) / stride + 1)
""",
        """
def output_size(size, kernel, stride=1, padding=0):
    return len(range(0, size + 2 * padding - kernel + 1, stride))
""",
        """
def output_size(size, kernel, stride=1, padding=0):
    line = torch.zeros(1, 1, size)
    return F.conv1d(line, torch.zeros(1, 1, kernel), stride=stride, padding=padding).shape[-1]
""",
        """
def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    start, positions = -padding, 0
    while start + kernel <= size + padding:
        positions += 1
        start += stride
    return positions
""",
    ),
    wrong=(
        edit("no + 1", "the last position is missing", (SIZE, "return last_start // stride")),
        edit("padding on one side", "counted once", ("2 * padding", "padding")),
        edit("padding forgotten", "the padding is not counted", (" + 2 * padding", "")),
        edit("padding subtracted", "the padding is subtracted", ("+ 2 *", "- 2 *")),
        edit("stride forgotten", "the stride is not counted", ("// stride", "")),
        edit("a fraction", "not rounded", ("//", "/")),
        edit("rounded up", "rounded up", (SIZE, "return math.ceil(last_start / stride) + 1")),
        edit("rounded", "rounded to the nearest", (SIZE, "return round(last_start / stride) + 1")),
        edit("+ 1 inside", "before the division", (SIZE, "return (last_start + 1) // stride")),
        edit("kernel added", "the kernel is added", ("- kernel", "+ kernel")),
        edit("a float", "a side is a whole number",
             (SIZE, "return float(last_start // stride + 1)")),
        edit("printed only", "is there a `return`", ("return last", "_ = last")),
        edit("both sides", "must be a number; it is a tuple",
             (SIZE, "side = last_start // stride + 1\n    return side, side")),
        edit("always 1", "gives 1, expected", (SIZE, "return 1")),
        edit("no default", "missing 1 required positional argument",
             ("stride=1, padding=0", "stride, padding=0")),
        edit("default padding as in 'same'", "gives 20, expected 18",
             ("padding=0", "padding=1")),
        edit("precedence", "expected",
             ("size + 2 * padding - kernel", "(size + 2) * padding - kernel")),
    ),
)  # fmt: skip

PER_CLASS = "hits / images"
CLASS_ACCURACY = Bank(
    right=(
        """
def class_accuracy(predictions, labels, num_classes):
    per_class = []
    for c in range(num_classes):
        mine = labels == c
        per_class.append((predictions[mine] == c).float().mean())
    return (predictions == labels).float().mean(), torch.stack(per_class)
""",
        """
def class_accuracy(predictions, labels, num_classes):
    hits, images = [0] * num_classes, [0] * num_classes
    for said, true in zip(predictions.tolist(), labels.tolist()):
        images[true] += 1
        hits[true] += said == true
    per_class = [h / n if n else float("nan") for h, n in zip(hits, images)]
    return sum(hits) / len(labels), per_class
""",
        """
def class_accuracy(predictions, labels, num_classes):
    pairs = labels * num_classes + predictions
    confusion = torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)
    diagonal = confusion.diagonal().double()
    return diagonal.sum() / len(labels), diagonal / confusion.sum(1)
""",
        """
def class_accuracy(predictions, labels, num_classes):
    truth = F.one_hot(labels, num_classes).double()
    hit = (predictions == labels).double()
    return float(hit.mean()), (truth * hit[:, None]).sum(dim=0) / truth.sum(dim=0)
""",
    ),
    wrong=(
        edit("precision", "how often the class was the answer",
             ("bincount(labels, ", "bincount(predictions, ")),
        edit("all images", "divided by the number of all images",
             (PER_CLASS, "hits / len(labels)")),
        edit("right answers", "divided by the number of right answers",
             (PER_CLASS, "hits / hits.sum()")),
        edit("counts", "numbers of images, not fractions", (PER_CLASS, "hits.float()")),
        edit("percent", "in percent; fractions", (PER_CLASS, "100 * hits / images")),
        edit("errors by class", "shares of wrong answers", (PER_CLASS, "1 - hits / images")),
        written("images of other classes counted", "images of other classes are counted", """
def class_accuracy(predictions, labels, num_classes):
    per_class = [
        ((predictions == c) == (labels == c)).float().mean() for c in range(num_classes)
    ]
    return (predictions == labels).float().mean().item(), torch.stack(per_class)
"""),
        edit("zero without images", "0 is made up", (PER_CLASS, "hits / images.clamp(min=1)")),
        edit("NaN replaced", "1 is made up", (PER_CLASS, "(hits / images).nan_to_num(1)")),
        edit("divides by zero", "ZeroDivisionError",
             (PER_CLASS, "[h / n for h, n in zip(hits.tolist(), images.tolist())]")),
        edit("only classes that occur", "one entry for each class, also for one without",
             (PER_CLASS, "(hits / images)[images > 0]")),
        edit("minlength forgotten", "has shape (9,), expected (10,)",
             (", minlength=num_classes", ""), hidden=True),
        edit("integers", "class 0: 0.000", (PER_CLASS, "(hits // images.clamp(min=1)).float()")),
        edit("mean of the classes", "the mean of the classes; every",
             ("right.float().mean().item()", "(hits / images).nanmean().item()")),
        edit("mean of the classes, empty as 0", "with 0 for the empty one",
             ("right.float().mean().item()", "(hits / images).nan_to_num(0).mean().item()")),
        edit("overall as a count", "a number of images, not a fraction",
             ("right.float().mean().item()", "right.sum().item()")),
        edit("overall in percent", "in percent, not a fraction",
             ("right.float().mean()", "100 * right.float().mean()")),
        edit("overall errors", "0.375, expected 0.625: this is the share of wrong answers",
             ("right.float().mean().item()", "1 - right.float().mean().item()")),
        edit("overall only", "two values are wanted", (", " + PER_CLASS, "")),
        edit("the other way round", "per_class must be a tensor; it is a float",
             ("right.float().mean().item(), " + PER_CLASS,
              PER_CLASS + ", right.float().mean().item()")),
        edit("mean spoilt by NaN", "the overall accuracy must be a number; it is nan",
             ("right.float().mean().item()", "(hits / images).mean().item()")),
    ),
)  # fmt: skip

ANSWERS = {
    "output_size": OUTPUT_SIZE,
    "class_accuracy": CLASS_ACCURACY,
    "evaluation": EVALUATION,
    "training_step": TRAINING_STEP,
    "mended_script": MENDED_SCRIPT,
}
