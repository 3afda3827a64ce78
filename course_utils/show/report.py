"""Results as text: a run's epochs, and what a test came to (notebook 01)."""

from course_utils.training.metrics import Totals, accuracy_interval


def history_table(history: list[dict], name: str = "") -> None:
    """Print one line an epoch: losses, accuracies, learning rate, seconds of training.

    >>> history_table([dict(epoch=1, train_loss=2.1, val_loss=1.9, train_accuracy=0.25,
    ...     val_accuracy=0.31, learning_rate=0.1, seconds=3.21)], "cnn")
    cnn
    epoch  train loss  val loss  train accuracy  val accuracy  learning rate  seconds
        1        2.10      1.90           25.0%         31.0%         0.1000      3.2
    """
    if name:
        print(name)
    print("epoch  train loss  val loss  train accuracy  val accuracy  learning rate  seconds")
    for e in history:
        print(
            f"{e['epoch']:5}{e['train_loss']:12.2f}{e['val_loss']:10.2f}"
            f"{e['train_accuracy']:16.1%}{e['val_accuracy']:14.1%}"
            f"{e['learning_rate']:15.4f}{e['seconds']:9.1f}"
        )


def report_accuracy(totals: Totals, data: str) -> float:
    """Print and return the accuracy of a test, with its 95 % interval.

    >>> totals = Totals(num_classes=2, device="cpu")
    >>> totals.confusion += 40
    >>> report_accuracy(totals, "drawings")
    test accuracy 50% of 160 images of drawings, 95 % interval 42% to 58%
    0.5
    """
    correct, count = map(int, totals.right_of_all())
    low, high = accuracy_interval(correct, count)
    print(
        f"test accuracy {correct / count:.0%} of {count:,} images of {data}, "
        f"95 % interval {low:.0%} to {high:.0%}"
    )
    return correct / count
