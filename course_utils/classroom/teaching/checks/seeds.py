"""Checks of the exercises on runs with several seeds (notebook 06)."""

import math
import statistics

import torch

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import kind, number, result
from course_utils.classroom.teaching.checks.search import equal, many, parts, shortened, uniform

# --- seed_interval ---

T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


@question
def refusal(answer, *arguments) -> str:
    """What happens where an answer should raise ValueError."""
    try:
        returned = answer(*arguments)
    except ValueError:
        return "ValueError"
    except Exception as error:
        return f"raises {type(error).__name__}"
    return f"returns {kind(returned)}"


def seed_interval(answer, seeds: int = 3, seed: int = 0) -> None:
    """Mean, standard deviation and the interval by Student's t must be right."""
    accuracies = [round(x, 3) for x in uniform(seeds, low=0.6, high=0.8, seed=seed).tolist()]
    mean, spread = statistics.mean(accuracies), statistics.stdev(accuracies)
    standard_error, t = spread / math.sqrt(seeds), T95[seeds - 1]
    returned = parts(result(answer, accuracies), "mean, s, low, high")
    given = dict(zip(("mean", "s", "low", "high"), returned))
    given = {name: number(value, f"`{name}`") for name, value in given.items()}
    expected = dict(mean=mean, s=spread, low=mean - t * standard_error)
    expected["high"] = mean + t * standard_error
    half, shown = (given["high"] - given["low"]) / 2, f"of {accuracies}"
    for name, wrong, why in (
        ("mean", statistics.median(accuracies), "it is the median"),
        ("mean", 100 * mean, "accuracies are fractions here"),
        ("s", statistics.pstdev(accuracies), "divide by n − 1, not by n"),
        ("s", spread**2, "it is the variance: take the root"),
        ("s", standard_error, "it is the standard error: `s` itself is not divided by √n"),
        ("s", max(accuracies) - min(accuracies), "it is the range"),
    ):
        if equal(given[name], wrong) and not equal(wrong, expected[name]):
            right = expected[name]
            raise CheckFailed(f"`{name}` {shown} is {given[name]:.4f}, not {right:.4f}: {why}")
    if (given["low"], given["high"]) == (min(accuracies), max(accuracies)):
        raise CheckFailed("`low` and `high` are the smallest and the largest accuracy")
    for wrong, why in (
        (-t * standard_error, "`low` and `high` are exchanged"),
        (t * spread, "√n is missing: it is as wide as for a single run"),
        (t * spread / seeds, "s is divided by n, not by √n"),
        (t * spread / math.sqrt(seeds - 1), "s is divided by √(n − 1), not by √n"),
        (T95.get(seeds, 0) * standard_error, "the factor is that of n, look up n − 1"),
        (2 * standard_error, "the factor is 2; for few seeds take it from T95"),
        (1.96 * standard_error, "the factor is 1.96; for few seeds take it from T95"),
        (standard_error, "the factor of T95 is missing"),
        (spread, "it is mean ± s"),
        (t * standard_error / 2, "it has half the width"),
    ):
        if equal(half, wrong):
            raise CheckFailed(f"the interval {given['low']:.4f} to {given['high']:.4f}: {why}")
    for name, right in expected.items():
        if not abs(given[name] - right) <= 1e-4:  # T95 is rounded: a finer table is as good
            raise CheckFailed(f"`{name}` {shown} is {given[name]:.4f}, expected {right:.4f}")
    if (did := refusal(answer, accuracies[:1])) != "ValueError":
        raise CheckFailed(f"one accuracy has no spread: expected a ValueError, but it {did}")


# --- honest_report ---

KEYS = ("settings", "trials", "validation", "test", "std")


@question
def reported(answer, trials: list, table: list, seeds: list) -> dict:
    """The report on trials whose i-th has the test accuracy table[i][k] with the k-th seed."""
    calls, known = [], [dict(trial["settings"]) for trial in trials]

    def test(settings: dict, seed: int) -> float:
        if settings not in known:
            whole = type(settings) is dict and "accuracies" in settings
            strange = f"{shortened(settings)}, which is not the settings of a trial"
            raise CheckFailed(
                f"test got {'the whole trial instead of its settings' if whole else strange}"
            )
        i = known.index(settings)
        calls.append([i, seed])
        return table[i][seeds.index(seed) if seed in seeds else 0]

    return {"returned": answer(trials, test, seeds), "calls": calls}


VALIDATION = (  # accuracies of a trial's seeds; each way to choose finds another trial
    (0.60, 0.61),  # the lowest mean
    (0.90, 0.60, 0.66),  # the best single run
    (0.78, 0.80),  # the best mean
    (0.62, 0.63, 0.64, 0.65),  # the largest sum
    (0.60, 0.82, 0.81),  # the best median
    (0.70, 0.83),  # the best last run, and the best on test
)


def honest_report(answer, seeds: tuple = (101, 102, 103), seed: int = 0) -> None:
    """The winner must be chosen on validation means, and alone be tested, once with each seed."""
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed)).tolist()
    noise = uniform(6, 4, low=-0.004, high=0.004, seed=seed).tolist()
    trials = [
        {
            "settings": {"learning_rate": 0.01 * 2**k, "width": 4 * (i + 1)},
            "accuracies": [round(a + e, 4) for a, e in zip(VALIDATION[i], noise[i])],
        }
        for k, i in enumerate(order)
    ]
    table = uniform(6, len(seeds), low=0.70, high=0.76, seed=seed + 1)
    table[order.index(5)] += 0.1
    table = [[round(x, 4) for x in row] for row in table.tolist()]
    told = reported(answer, trials, table, list(seeds))
    means = [statistics.mean(trial["accuracies"]) for trial in trials]
    winner = order.index(2)
    _judge_tests(told["calls"], [trial["accuracies"] for trial in trials], winner, list(seeds))
    report, tests = told["returned"], table[winner]
    if type(report) is not dict:
        raise CheckFailed(f"the report must be a dictionary; it is {kind(report)}")
    if missing := [key for key in KEYS if key not in report]:
        raise CheckFailed(f"the report has no `{missing[0]}`")
    if report["settings"] != trials[winner]["settings"]:
        raise CheckFailed("`settings` are not those of the trial with the best validation mean")
    runs, best = trials[winner]["accuracies"], max(tests)
    made = sum(len(trial["accuracies"]) for trial in trials)
    spread = statistics.stdev(tests)
    for key, right, mistakes in (
        ("trials", len(trials), ((made, "runs are counted, not trials"),
                                 (len(seeds), "these are the seeds of the test"),
                                 (1, "all that were tried count, not only the winner"))),
        ("validation", means[winner], ((max(runs), "it is the winner's best seed"),)),
        ("test", statistics.mean(tests), ((best, "it is the best seed: report the mean"),
                                          (tests[0], "it is one seed: report the mean"),
                                          (means[winner], "it is the validation mean"))),
        ("std", spread, ((statistics.pstdev(tests), "divide by n − 1, not by n"),
                         (statistics.stdev(runs), "it is that of the validation"),
                         (spread**2, "it is the variance"),
                         (spread / math.sqrt(len(seeds)), "it is divided by √n"))),
    ):  # fmt: skip
        value = number(report[key], f"`{key}`")
        if not equal(value, right):
            why = next((why for wrong, why in mistakes if equal(value, wrong)), "")
            raise CheckFailed(
                f"`{key}` is {value:.5g}, expected {right:.5g}" + f": {why}" * bool(why)
            )


def _judge_tests(calls: list, accuracies: list, winner: int, seeds: list) -> None:
    """The test must have been called for the winner alone, once with each seed."""
    tested = sorted({i for i, _ in calls})
    if not tested:
        raise CheckFailed("test is never called")
    if len(tested) > 1:
        raise CheckFailed(
            f"{len(tested)} of {len(accuracies)} trials are tested: choose on validation, and test "
            "only what you chose"
        )
    if tested != [winner]:
        scores = {
            "it has the best single seed": max,
            "it has the largest sum, and more seeds": sum,
            "it has the best median": statistics.median,
            "it has the lowest mean": lambda runs: -statistics.mean(runs),
            "it has the best last seed": lambda runs: runs[-1],
        }
        chosen = (
            why for why, score in scores.items()
            if accuracies[tested[0]] == max(accuracies, key=score)
        )  # fmt: skip
        raise CheckFailed(
            f"trial {tested[0]} is chosen: {next(chosen, 'why this one?')}; trial {winner} has the "
            f"best validation mean, {statistics.mean(accuracies[winner]):.3f}"
        )
    used = [seed for _, seed in calls]
    if sorted(used, key=str) != sorted(seeds, key=str):
        if set(used) == set(seeds):
            raise CheckFailed(
                f"test is called {many(len(used), 'time')}, not {len(seeds)}: once for each seed"
            )
        raise CheckFailed(f"test is called with the seeds {used}, expected {seeds}")
