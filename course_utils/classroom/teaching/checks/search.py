"""Checks of the exercises on hyperparameters (notebook 06)."""

import functools
import math

import torch
from torch import Tensor

from course_utils.classroom.teaching.answers import CheckFailed, question
from course_utils.classroom.teaching.checks.common import kind, number

DRAWS = 1_000
APART = 0.07  # Kolmogorov–Smirnov: 1,000 right draws lie farther from even once in 10,000 times


def equal(value: float, expected: float) -> bool:
    return abs(value - expected) <= 1e-5 * max(1, abs(expected))


def parts(value, names: str) -> list:
    """What an answer returned, which must be these parts."""
    count = names.count(",") + 1
    if type(value) not in (tuple, list) or len(value) != count:
        got = f"{len(value)} values" if type(value) in (tuple, list) else kind(value)
        raise CheckFailed(f"the function must return {names}; it returns {got}")
    return list(value)


def uniform(*shape: int, low: float, high: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)


def many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def shortened(value, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


# --- log_uniform ---


@question
def draws(answer, low: float, high: float, seed: int, elsewhere: int) -> list:
    """Draws from one generator; ``elsewhere`` seeds the global one, which should not matter."""
    torch.manual_seed(elsewhere)
    generator = torch.Generator().manual_seed(seed)
    drawn = [answer(low, high, generator)]
    if drawn[0] is None:  # what prints instead should not do so 3,000 times
        raise CheckFailed(f"a draw must be a number; it is {kind(None)}")
    return drawn + [answer(low, high, generator) for _ in range(DRAWS - 1)]


def _unevenness(places: Tensor) -> float:
    """How far draws are from even on [0, 1]: the Kolmogorov–Smirnov statistic."""
    return (places.sort().values - (torch.arange(len(places)) + 0.5) / len(places)).abs().max()


def log_uniform(answer, low: float = 0.003, high: float = 3.0, seed: int = 0) -> None:
    """Draws must lie evenly on the logarithmic scale, and come from the generator."""
    told = [
        draws(answer, low, high, seed + more, where) for more, where in ((0, 1), (0, 2), (9, 1))
    ]
    if any(type(each) is not list or len(each) != DRAWS for each in told):
        raise CheckFailed("some draws are missing")
    drawn, again, other = ([number(x, "a draw") for x in each] for each in told)
    if len(set(drawn)) == 1:
        raise CheckFailed(
            f"every draw gives {drawn[0]:.4g}: is a generator made or seeded inside the "
            "function, or none used?"
        )
    for x in drawn:
        if x < 0:
            raise CheckFailed(f"a draw is {x:.4g}, below zero: is it still a logarithm?")
        if not low * (1 - 1e-5) <= x <= high * (1 + 1e-5):
            raise CheckFailed(f"a draw is {x:.4g}, outside of {low:g} to {high:g}")
    if drawn != again:
        raise CheckFailed(
            "two generators with the same seed give different draws: is `generator` used?"
        )
    if drawn == other:
        raise CheckFailed("generators with different seeds give the same draws")
    if len(set(drawn)) < DRAWS / 2:
        raise CheckFailed(
            f"only {len(set(drawn))} different values in {DRAWS:,} draws: every value between "
            f"{low:g} and {high:g} should be possible"
        )
    values = torch.tensor(drawn, dtype=torch.float64)
    places = (values / low).log() / math.log(high / low)
    if _unevenness((values - low) / (high - low)) < APART:
        raise CheckFailed(
            f"the draws are even on the linear scale: {(places < 0.5).double().mean():.0%} of them "
            f"lie below {math.sqrt(low * high):.3g}, the middle of the logarithmic one"
        )
    if not _unevenness(places) < APART:
        shares = torch.histc(places, 4, 0, 1) / DRAWS
        raise CheckFailed(
            "cut the logarithmic scale in four equal parts: 25% of the draws should lie in each, "
            "but they hold " + ", ".join(f"{share:.0%}" for share in shares)
        )


# --- random_search ---


def _quality(settings: dict) -> float:
    """The accuracy of a made-up network: best where every setting is 0.1."""
    return 0.9 - 0.05 * sum(abs(math.log10(value) + 1) for value in settings.values())


@question
def searched(answer, values: dict, trials: int) -> dict:
    """What a search returns whose k-th draw is the k-th of the values, and what it did."""
    drawn, validated = dict.fromkeys(values, 0), []

    def draw(name: str) -> float:
        drawn[name] += 1
        return values[name][(drawn[name] - 1) % len(values[name])]

    def validate(settings: dict) -> float:
        if type(settings) is not dict:
            raise CheckFailed(f"validate takes a dictionary; it got {kind(settings)}")
        if set(settings) != set(values):
            raise CheckFailed(f"validate got {sorted(settings)}; the space has {sorted(values)}")
        for name, value in settings.items():
            if callable(value):
                raise CheckFailed(f"validate got a function as {name}: call it to draw a value")
        if len(validated) > 10 * trials:
            raise CheckFailed(f"more than {10 * trials} calls of validate: does the loop end?")
        validated.append(dict(settings))
        return _quality(settings)

    validate.__qualname__ = "validate"  # as error messages call it
    space = {name: functools.partial(draw, name) for name in values}
    returned = answer(space, validate, trials)
    return {"returned": returned, "drawn": drawn, "validated": validated}


def random_search(answer, trials: int = 8, names: int = 2, seed: int = 3) -> None:
    """Each trial must be drawn anew and validated once; the best and all must be returned."""
    table = 10 ** uniform(names, trials, low=-2.5, high=0.5, seed=seed)
    best = max(range(trials), key=lambda k: _quality(dict(enumerate(table[:, k].tolist()))))
    table = table.roll(trials // 2 - best, 1)  # the winner is neither the first nor the last
    values = dict(zip(("learning_rate", "weight_decay", "dropout"), table.tolist()))
    expected = [{name: values[name][k] for name in values} for k in range(trials)]
    told = searched(answer, values, trials)
    calls = len(told["validated"])
    if calls != trials:
        raise CheckFailed(
            f"validate was called {many(calls, 'time')} in {trials} trials: call it once for each, "
            "and keep what it gives"
        )
    for name, count in told["drawn"].items():
        if count != trials:
            raise CheckFailed(
                f"{name} was drawn {many(count, 'time')} in {trials} trials: draw once for each"
            )
    if told["validated"] != expected:
        raise CheckFailed("the settings that were validated are not those that were drawn")
    best, value, tried = parts(told["returned"], "best, value, tried")
    _judge_tried(tried, expected)
    accuracies = [_quality(settings) for settings in expected]
    ranked = sorted(range(trials), key=accuracies.__getitem__)
    if best != expected[ranked[-1]]:
        for k, which in ((ranked[0], "worst"), (trials - 1, "last"), (0, "first")):
            if best == expected[k]:
                raise CheckFailed(f"`best` holds the settings of the {which} trial")
        raise CheckFailed(
            f"`best` is not the settings with the highest accuracy: {best} instead of "
            f"{expected[ranked[-1]]}"
            if type(best) is dict
            else f"`best` must be a dictionary of settings; it is {kind(best)}"
        )
    if not equal(number(value, "`value`"), max(accuracies)):
        raise CheckFailed(f"`value` is {value:.4f}, the best accuracy is {max(accuracies):.4f}")


def _judge_tried(tried, expected: list[dict]) -> None:
    """All trials, in their order: pairs of settings and accuracy."""
    if type(tried) is not list:
        raise CheckFailed(f"`tried` must be a list; it is {kind(tried)}")
    if len(tried) != len(expected):
        raise CheckFailed(f"`tried` holds {len(tried)} trials, expected all {len(expected)}")
    for pair in tried:
        if type(pair) not in (tuple, list) or len(pair) != 2 or type(pair[0]) is not dict:
            raise CheckFailed("each trial in `tried` must be a pair: settings and accuracy")
    settings = [pair[0] for pair in tried]
    if all(each == settings[0] for each in settings):
        raise CheckFailed(
            "all trials in `tried` show the same settings: they share one dictionary; make a new "
            "one for each trial"
        )
    if settings != expected:
        reordered = all(each in settings for each in expected)
        why = "not in the order in which they were made" if reordered else "not those validated"
        raise CheckFailed(f"the trials in `tried` are {why}")
    for k, (each, accuracy) in enumerate(tried):
        if not equal(number(accuracy, "an accuracy in `tried`"), _quality(each)):
            raise CheckFailed(f"trial {k} in `tried` has an accuracy that validate did not give")
