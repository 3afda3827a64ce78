"""The check of the exercise on successive halving (notebook 06)."""

from itertools import combinations

from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import kind, number
from course_utils.classroom.teaching.checks.search import many, parts, shortened, uniform


@question
def halved(answer, settings: list, curves: list, first: int) -> dict:
    """What halving returns when setting i has the accuracy curves[i][e] after e + 1 epochs."""
    given, trained, calls = [dict(each) for each in settings], [0] * len(settings), []

    def train(setting: dict, epochs: int) -> float:
        if setting not in settings:
            raise CheckFailed(f"train got {shortened(setting)}, which is not one of the settings")
        if type(epochs) not in (int, float) or epochs < 1 or epochs != int(epochs):
            raise CheckFailed(f"train takes 1, 2, 3, … epochs; it got {epochs!r:.20}")
        if len(calls) >= 20 * len(settings):
            raise CheckFailed(f"train was called {len(calls)} times: does the loop end?")
        i = settings.index(setting)
        trained[i] += int(epochs)
        calls.append([i, int(epochs)])
        return curves[i][min(trained[i], len(curves[i])) - 1]

    returned = answer(given, train, first)
    return {"returned": returned, "calls": calls, "kept": given == settings}


def _rounds(calls: list) -> list[dict[int, int]]:
    """The rounds that calls of train make up, each as {setting: epochs}."""
    rounds: list[dict[int, int]] = []
    for i, epochs in calls:
        if not rounds or i in rounds[-1]:  # who survives is trained again in a new round
            rounds.append({})
        rounds[-1][i] = epochs
    return rounds


def successive_halving(answer, count: int = 11, first: int = 1, seed: int = 26) -> None:
    """The better half must go on, for twice as long in all, until one setting is left."""
    settings = [dict(learning_rate=round(0.3 / 1.5**i, 4), width=4 + 2 * i) for i in range(count)]
    curves = uniform(count, 8 * first, low=0.2, high=0.9, seed=seed)
    _make_ties(curves, first)
    curves = curves.tolist()
    told = halved(answer, settings, curves, first)
    rounds = _rounds(told["calls"])
    before, alive = [], list(range(count))
    done = spent = again = 0  # epochs of a survivor, of all, and with earlier ones again
    while len(alive) > 1:
        more = done or first
        if not rounds:
            left = f"{len(alive)} settings are left" if done else "train is never called"
            raise CheckFailed(f"halving ends too early: {left}")
        trained = rounds.pop(0)
        if sorted(trained) != alive:
            raise CheckFailed(_wrong_settings(trained, alive, before, curves, done))
        if set(trained.values()) != {more}:
            raise CheckFailed(_wrong_epochs(trained, more, done))
        done, spent = done + more, spent + more * len(alive)
        again += done * len(alive)
        before, alive = alive, _best(alive, [curve[done - 1] for curve in curves])
    if rounds:
        raise CheckFailed("train is called again when only one setting is left")
    winner, total = parts(told["returned"], "winner, total")
    if type(winner) is not dict:
        raise CheckFailed(f"`winner` must be a setting, a dictionary; it is {kind(winner)}")
    if winner != settings[alive[0]]:
        raise CheckFailed(f"`winner` is {winner}; the one that is left is {settings[alive[0]]}")
    for wrong, why in (
        (done, "count the epochs of every setting of a round"),
        (again, "epochs of earlier rounds are counted again"),
    ):
        if number(total, "`total`") == wrong:
            raise CheckFailed(f"`total` is {wrong}, expected {spent}: {why}")
    if total != spent:
        raise CheckFailed(f"`total` is {total}, but train was asked for {spent} epochs in all")
    if told["kept"] is not True:
        raise CheckFailed("the list `settings` was changed: work with a list of your own")


def _make_ties(curves: Tensor, first: int) -> None:
    """Make the last to stay and the first to go equal, in the first round and in the second.

    In the second, the one that stands earlier in the list was the worse of the two before.
    """
    alive, before = list(range(len(curves))), curves[:, first - 1]
    for accuracies in (before, curves[:, 2 * first - 1]):
        half = len(alive) // 2
        ranked = sorted(alive, key=lambda i: -accuracies[i])
        pair = ranked[half - 1 : half + 1]
        if accuracies is not before:
            pairs = combinations(alive, 2)
            pair = next(([i, j] for i, j in pairs if before[i] < before[j]), pair)
        rest = [i for i in ranked if i not in pair]
        values = accuracies[ranked]
        values[half] = values[half - 1]
        accuracies[rest[: half - 1] + pair + rest[half - 1 :]] = values
        alive = _best(alive, accuracies.tolist())


def _best(alive: list[int], accuracies: list[float]) -> list[int]:
    """The better half; of equal ones the first."""
    return sorted(sorted(alive, key=lambda i: -accuracies[i])[: len(alive) // 2])


def _wrong_settings(trained: dict, alive: list, before: list, curves: list, done: int) -> str:
    """What is wrong with a round that trains other settings than those that should be alive."""
    if not done:
        return f"setting {next(iter(trained))} is trained twice before all {len(alive)} are once"
    when, who = f"after {many(done, 'epoch')}", sorted(trained)
    if who == before:
        return f"{when} all {len(before)} settings go on; expected the better {len(alive)}"
    if not set(who) <= set(before):
        lost = min(set(who) - set(before))
        return f"{when} setting {lost} is trained again, though it was dropped in an earlier round"
    if len(who) != len(alive):
        return f"{when} {len(who)} of {len(before)} settings go on, expected {len(alive)}"
    last = [curve[done - 1] for curve in curves]
    for wrong, why in (
        (_best(before, [-a for a in last]), "the worse half goes on"),
        (
            _best(before[::-1], last),
            "of two equal settings the later one stays, later in the list `settings`",
        ),
        (
            _best(before, [max(curve[:done]) for curve in curves]),
            "settings are compared by their best accuracy so far; the latest counts",
        ),
        (
            _best(before, [curve[done // 2 - 1] for curve in curves]),
            "settings are compared by the accuracies of an earlier round",
        ),
        (before[: len(alive)], "the first in the list go on, whatever their accuracy"),
    ):
        if who == wrong:
            return f"{when} {why}"
    return f"{when} settings {who} go on; expected {alive}, the better half"


def _wrong_epochs(trained: dict, more: int, done: int) -> str:
    told = max(set(trained.values()) - {more})
    if not done:
        return (
            f"in the first round, settings are trained for {many(told, 'epoch')}, expected {more}"
        )
    why = (
        "train goes on where it stopped"
        if told == done + more
        else f"each should have had {done + more} in all"
    )
    return f"after {many(done, 'epoch')}, train is asked for {told}, expected {more} more: {why}"
