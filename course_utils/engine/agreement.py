"""Whether the processes that train together were told the same."""

from course_utils.engine.distributed import all_gather
from course_utils.engine.rules import shortened


class RanksDiffer(ValueError):
    """Raised in every process; the first one tells it."""

    told_by_rank_0 = True


def check_agreement(told: dict) -> None:
    """Raise `RanksDiffer`, naming rank and difference, unless every process has the same values."""
    first, *others = all_gather(told)
    for rank, other in enumerate(others, 1):
        for name in first:
            if other[name] != first[name]:
                mine, theirs = shortened(first[name]), shortened(other[name])
                raise RanksDiffer(
                    f"rank {rank} differs from rank 0: {name} is {theirs} there, {mine} here; "
                    "start all processes with the same settings and the same data"
                )


def about_data(about: dict) -> dict:
    """What must agree of the data, from `Splits.about`."""
    counts = {f"number of pictures of {n}": count for n, (count, _) in about["pictures"].items()}
    digests = {f"digest of {n}": digest for n, (_, digest) in about["pictures"].items()}
    rest = {name: value for name, value in about.items() if name != "pictures"}
    return rest | counts | digests
