"""Answers to the exercises of notebook 06."""

from answers.kinds import Bank, edit, written

U = "u = torch.rand(1, generator=generator).item()"
POWER = "low * (high / low) ** u"

LOG_UNIFORM = Bank(
    right=(
        """
def log_uniform(low, high, generator):
    exponent = torch.empty(1).uniform_(math.log10(low), math.log10(high), generator=generator)
    return 10 ** exponent.item()
""",
        """
def log_uniform(low, high, generator):
    a, b = torch.tensor([low, high], dtype=torch.float64).log()
    return torch.exp(a + (b - a) * torch.rand((), generator=generator, dtype=torch.float64))
""",
        """
def log_uniform(low, high, generator):
    share = torch.randint(2**40, (1,), generator=generator).item() / 2**40
    return high * math.exp(share * (math.log(low) - math.log(high)))
""",
        """
def log_uniform(low, high, generator):
    ends = torch.log2(torch.tensor([low, high]))
    drawn = torch.lerp(*ends, torch.rand(1, generator=generator))
    return float(torch.exp2(drawn).clamp(low, high))
""",
    ),
    wrong=(
        edit("even on the linear scale", "even on the linear scale",
             (POWER, "low + (high - low) * u")),
        edit("the global random state", "is `generator` used?", ("1, generator=generator", "1")),
        written("Python's random", "is `generator` used?", """
import random
def log_uniform(low, high, generator):
    return math.exp(random.uniform(math.log(low), math.log(high)))
"""),
        edit("seeded inside", "seeded inside the function", (U, "generator.manual_seed(0); " + U)),
        edit("seeded at the first draw", "different seeds give the same draws",
             (U, "if generator.initial_seed() != 42: generator.manual_seed(42)\n    " + U)),
        edit("a generator of its own", "made or seeded inside",
             ("generator=generator", "generator=torch.Generator().manual_seed(0)")),
        edit("the logarithm", "is it still a logarithm",
             (POWER, "math.log(low) + u * math.log(high / low)")),
        edit("another base", "outside of 0.003 to 3",
             (POWER, "10 ** (math.log(low) + u * math.log(high / low))")),
        edit("sum of low and the power", "outside of 0.003 to 3",
             (POWER, "low + (high / low) ** u")),
        edit("a normal draw", "outside of 0.003 to 3", ("torch.rand(", "torch.randn(")),
        edit("a clipped normal draw", "different values in 1,000 draws",
             ("torch.rand(1, generator=generator).item()",
              "min(max(torch.randn(1, generator=generator).item(), 0), 1)")),
        edit("only powers of ten", "only 3 different values",
             (U, "u = 0"),
             (POWER, "low * 10 ** torch.randint(3, (1,), generator=generator).item()")),
        edit("a grid of ten", "only 10 different values",
             (POWER, "torch.logspace(math.log10(low), math.log10(high), 10)[int(10 * u)].item()")),
        edit("the middle", "every draw gives 0.09487", (POWER, "math.sqrt(low * high)")),
        edit("squared", "should lie in each", ("** u", "** (u * u)")),
        edit("a whole row of draws", "a draw must be a number; it is a torch.float32 tensor",
             ("rand(1, generator=generator).item()", "rand(5, generator=generator)")),
        edit("nothing returned", "is there a `return`", ("return ", "x = ")),
        written("printed each time", "is there a `return`", """
printed = []
def log_uniform(low, high, generator):
    printed.append(low * (high / low) ** torch.rand(1, generator=generator).item())
    if len(printed) > 1:
        raise RuntimeError("the screen is full")
"""),
        edit("a rate from numpy's generator", "your code raises AttributeError",
             (U, "u = generator.uniform(0, 1)")),
        edit("bounds of the example", "outside of 1e-05 to 0.2", (POWER, "0.003 * 1000 ** u"),
             hidden=True),
    ),
)  # fmt: skip

SETTINGS = "settings = {name: draw() for name, draw in space.items()}"
APPEND = "tried.append((settings, validate(settings)))"
BEST = "best, value = max(tried, key=lambda trial: trial[1])"
LOOP = f"for _ in range(trials):\n        {SETTINGS}\n        {APPEND}"

RANDOM_SEARCH = Bank(
    right=(
        """
def random_search(space, validate, trials):
    best, value, tried = None, float("-inf"), []
    for trial in range(trials):
        settings = {}
        for name in space:
            settings[name] = space[name]()
        accuracy = validate(settings)
        if accuracy > value:
            best, value = settings, accuracy
        tried.append([settings, accuracy])
    return best, value, tried
""",
        """
def random_search(space, validate, trials):
    drawn = [{name: draw() for name, draw in space.items()} for _ in range(trials)]
    accuracies = torch.tensor([validate(settings) for settings in drawn], dtype=torch.float64)
    return drawn[accuracies.argmax()], accuracies.max(), list(zip(drawn, accuracies.tolist()))
""",
        """
def random_search(space, validate, trials):
    columns = {name: [draw() for _ in range(trials)] for name, draw in reversed(space.items())}
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    tried = [(row, validate(settings=row)) for row in rows]
    value, best = max(((a, i) for i, (_, a) in enumerate(tried)))
    return [tried[best][0], value, tried]
""",
    ),
    wrong=(
        edit("drawn once", "was drawn 1 time in 8 trials", (LOOP, f"{SETTINGS}\n    {LOOP}"),
             (f"trials):\n        {SETTINGS}", "trials):")),
        edit("validated twice", "validate was called 16 times in 8 trials",
             (APPEND, f"if validate(settings) >= 0: {APPEND}")),
        edit("the best validated again", "validate was called 9 times in 8 trials",
             ("return best, value", "return best, validate(best)")),
        edit("one too few", "validate was called 7 times", ("range(trials)", "range(1, trials)")),
        edit("one too many", "validate was called 9 times", ("range(trials)", "range(trials + 1)")),
        edit("drawn again for the list", "was drawn 16 times in 8 trials",
             (APPEND, f"accuracy = validate(settings); {SETTINGS}"
              "; tried.append((settings, accuracy))")),
        edit("not called", "call it to draw a value", ("draw()", "draw")),
        edit("minimised", "the settings of the worst trial", ("max(", "min(")),
        edit("the last", "the settings of the last trial", (BEST, "best, value = tried[-1]")),
        edit("the first", "the settings of the first trial", (BEST, "best, value = tried[0]")),
        edit("the largest rate", "`best` is not the settings with the highest accuracy",
             ("trial[1])", 'trial[0]["learning_rate"])')),
        edit("one dictionary for all", "they share one dictionary",
             ("tried = []", "tried, settings = [], {}"),
             (SETTINGS, SETTINGS.replace("settings =", "settings |="))),
        written("only improvements kept", "`tried` holds 4 trials, expected all 8", """
def random_search(space, validate, trials):
    best, value, tried = None, 0, []
    for _ in range(trials):
        settings = {name: draw() for name, draw in space.items()}
        accuracy = validate(settings)
        if accuracy > value:
            best, value = settings, accuracy
            tried.append((settings, accuracy))
    return best, value, tried
"""),
        written("best value never updated", "the settings of the last trial", """
def random_search(space, validate, trials):
    best, value, tried = None, 0, []
    for _ in range(trials):
        settings = {name: draw() for name, draw in space.items()}
        accuracy = validate(settings)
        if accuracy > value:
            best = settings
        tried.append((settings, accuracy))
    return best, accuracy, tried
"""),
        edit("sorted", "not in the order",
             ("return", "tried.sort(key=lambda trial: trial[1])\n    return")),
        edit("accuracies only", "must be a pair",
             ("return best, value, tried", "return best, value, [trial[1] for trial in tried]")),
        edit("pairs the other way round", "must be a pair: settings and accuracy",
             ("return best, value, tried", "return best, value, [(a, s) for s, a in tried]")),
        edit("value of the last", "`value` is",
             ("return best, value", "return best, tried[-1][1]")),
        edit("only the best", "must return best, value, tried; it returns 2 values",
             ("return best, value, tried", "return best, value")),
        edit("results in another order", "`tried` must be a list; it is a dict",
             ("return best, value, tried", "return tried, value, best")),
        edit("index of the best", "`best` must be a dictionary of settings; it is an int",
             ("return best,", "return tried.index((best, value)),")),
        edit("unpacked", "your code raises TypeError: validate() got an unexpected",
             ("validate(settings)", "validate(**settings)")),
        edit("one hyperparameter only", "validate got ['learning_rate']",
             ("space.items()", "list(space.items())[:1]")),
        edit("values instead of settings", "validate takes a dictionary",
             ("validate(settings)", "validate(list(settings.values()))")),
        edit("nothing returned", "is there a `return`", ("return best", "best = best")),
        edit("until it is good enough", "does the loop end?",
             ("for _ in range(trials):", "while not tried or tried[-1][1] < 0.95:")),
        edit("rounded draws", "not those that were drawn", ("draw()", "round(draw(), 3)")),
        edit("rounded accuracies", "an accuracy that validate did not give",
             ("return best, value, tried",
              "return best, value, [(s, round(a, 2)) for s, a in tried]")),
        edit("eight trials always", "in 13 trials", ("range(trials)", "range(8)"), hidden=True),
    ),
)  # fmt: skip

TABLE = """
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""
RETURN = "return mean, s, mean - half, mean + half"
HALF = "T95[n - 1] * s / math.sqrt(n)"

SEED_INTERVAL = Bank(
    right=(
        TABLE + """
def seed_interval(accuracies):
    n = len(accuracies)
    if n < 2:
        raise ValueError("at least two runs are needed")
    mean = sum(accuracies) / n
    variance = sum((a - mean) ** 2 for a in accuracies) / (n - 1)
    standard_error = (variance / n) ** 0.5
    ends = [mean + sign * T95[n - 1] * standard_error for sign in (-1, 1)]
    return mean, variance**0.5, *ends
""",
        TABLE + """
def seed_interval(accuracies):
    if len(accuracies) == 1:
        raise ValueError
    runs = torch.tensor(accuracies, dtype=torch.float64)
    s, mean = torch.std_mean(runs)
    half = T95[len(runs) - 1] * s * len(runs) ** -0.5
    return [mean, s, mean - half, mean + half]
""",
        """
import numpy as np
def seed_interval(accuracies):
    n = np.size(accuracies)
    if n <= 1:
        raise ValueError(f"{n} runs have no spread")
    t = [12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.30600, 2.26216][n - 2]
    low, high = np.mean(accuracies) + np.array([-t, t]) * np.std(accuracies, ddof=1) / np.sqrt(n)
    return np.mean(accuracies), np.std(accuracies, ddof=1), low, high
""",
    ),
    wrong=(
        edit("divided by n", "divide by n − 1",
             ("stdev(", "pstdev("), (HALF, "T95[n - 1] * s / n**0.5")),
        edit("t of n", "the factor is that of n, look up n − 1", ("T95[n - 1]", "T95[n]")),
        edit("no root of n", "as for a single run", (" / math.sqrt(n)", "")),
        edit("n instead of its root", "divided by n, not by √n", ("math.sqrt(n)", "n")),
        edit("root of n − 1", "divided by √(n − 1)", ("math.sqrt(n)", "math.sqrt(n - 1)")),
        edit("always two", "the factor is 2", ("T95[n - 1]", "2")),
        edit("the normal quantile", "the factor is 1.96", ("T95[n - 1]", "1.96")),
        edit("no factor", "the factor of T95 is missing", ("T95[n - 1] * ", "")),
        edit("mean ± s", "it is mean ± s", (HALF, "s")),
        edit("smallest to largest", "are the smallest and the largest",
             (RETURN, "return mean, s, min(accuracies), max(accuracies)")),
        edit("half the width", "it has half the width", (HALF, HALF + " / 2")),
        edit("exchanged", "`low` and `high` are exchanged",
             (RETURN, "return mean, s, mean + half, mean - half")),
        edit("the variance", "it is the variance", ("stdev(", "variance(")),
        edit("the range", "it is the range",
             (RETURN, "return mean, max(accuracies) - min(accuracies), mean - half, mean + half")),
        edit("the standard error", "`s` itself is not divided",
             (RETURN, "return mean, s / math.sqrt(n), mean - half, mean + half")),
        edit("the median", "it is the median", ("statistics.mean(", "statistics.median(")),
        edit("per cent", "accuracies are fractions",
             (RETURN, "return 100 * mean, 100 * s, mean - half, mean + half")),
        edit("the half width", "must return mean, s, low, high; it returns 3 values",
             (RETURN, "return mean, s, half")),
        edit("nested ends", "it returns 3 values",
             (RETURN, "return mean, s, (mean - half, mean + half)")),
        edit("ends around zero", "`low` of", (RETURN, "return mean, s, -half, half")),
        edit("text", "`mean` must be a number; it is a str",
             (RETURN, 'return f"{mean:.2f}", s, mean - half, mean + half')),
        edit("no spread of one run", "expected a ValueError, but it returns",
             ("n = len(accuracies)",
              "n = len(accuracies)\n    if n == 1:\n        return accuracies[0], 0, 0, 1")),
        written("numpy of one run", "expected a ValueError, but it raises KeyError", TABLE + """
def seed_interval(accuracies):
    n, runs = len(accuracies), torch.tensor(accuracies, dtype=torch.float64)
    mean, s = runs.mean(), runs.std() if n > 1 else 0
    half = T95[n - 1] * s / n**0.5
    return mean, s, mean - half, mean + half
"""),
        edit("three seeds always", "`low`", (HALF, "4.303 * s / math.sqrt(n)"), hidden=True),
    ),
)  # fmt: skip

MEAN = 'statistics.mean(trial["accuracies"])'
TESTS = 'accuracies = [test(winner["settings"], seed) for seed in seeds]'
WINNER = f"winner = max(trials, key=lambda trial: {MEAN})"

HONEST_REPORT = Bank(
    right=(
        """
def honest_report(trials, test, seeds):
    best, highest = None, -1
    for trial in trials:
        mean = sum(trial["accuracies"]) / len(trial["accuracies"])
        if mean > highest:
            best, highest = trial["settings"], mean
    total = squares = 0
    for seed in seeds:
        accuracy = test(settings=best, seed=seed)
        total += accuracy
        squares += accuracy**2
    n = len(seeds)
    std = ((squares - total**2 / n) / (n - 1)) ** 0.5
    return {"settings": best, "trials": len(trials), "validation": highest,
            "test": total / n, "std": std}
""",
        """
def honest_report(trials, test, seeds):
    means = [torch.tensor(t["accuracies"], dtype=torch.float64).mean() for t in trials]
    chosen = int(torch.stack(means).argmax())
    settings = dict(trials[chosen]["settings"])
    runs = torch.tensor([test(settings, seed) for seed in reversed(seeds)], dtype=torch.float64)
    return dict(settings=settings, trials=len(means), validation=means[chosen],
                test=runs.mean(), std=runs.std())
""",
        """
def honest_report(trials, test, seeds):
    import numpy as np
    ranked = sorted(trials, key=lambda t: np.mean(t["accuracies"]))
    report = {"trials": len(ranked)} | ranked[-1]
    report["validation"] = np.mean(report.pop("accuracies"))
    runs = list(map(test, [report["settings"]] * len(seeds), seeds))
    report.update(test=np.mean(runs), std=np.std(runs, ddof=1))
    return report
""",
    ),
    wrong=(
        edit("best single seed", "it has the best single seed",
             (WINNER, WINNER.replace("statistics.mean", "max"))),
        edit("largest sum", "it has the largest sum",
             (WINNER, WINNER.replace("statistics.mean", "sum"))),
        edit("best median", "it has the best median",
             (WINNER, WINNER.replace("mean", "median"))),
        edit("lowest mean", "it has the lowest mean", ("max(", "min(")),
        edit("last seed", "it has the best last seed",
             (WINNER, 'winner = max(trials, key=lambda trial: trial["accuracies"][-1])')),
        edit("largest rate", "has the best validation mean",
             (WINNER,
              'winner = max(trials, key=lambda trial: trial["settings"]["learning_rate"])')),
        edit("chosen on test", "6 of 6 trials are tested: choose on validation",
             (MEAN, 'statistics.mean(test(trial["settings"], seed) for seed in seeds)')),
        edit("the best three tested", "3 of 6 trials are tested",
             (WINNER, f"best = sorted(trials, key=lambda trial: -{MEAN})[:3]\n    "
              'winner = max(best, key=lambda trial: test(trial["settings"], seeds[0]))')),
        edit("tested twice for the spread", "test is called 6 times, not 3",
             ("statistics.stdev(accuracies)",
              'statistics.stdev(test(winner["settings"], seed) for seed in seeds)')),
        edit("one seed, three times", "test is called with the seeds [101, 101, 101]",
             ('test(winner["settings"], seed)', 'test(winner["settings"], seeds[0])')),
        edit("seeds from zero", "test is called with the seeds [0, 1, 2]",
             ("for seed in seeds]", "for seed in range(len(seeds))]")),
        edit("a single test", "test is called with the seeds [101], expected",
             ("for seed in seeds]", "for seed in seeds[:1]]"),
             ("statistics.stdev(accuracies)", "0")),
        edit("test never called", "test is never called",
             (TESTS, 'accuracies = winner["accuracies"]')),
        edit("the best test seed", "it is the best seed: report the mean",
             ('"test": statistics.mean(', '"test": max(')),
        edit("the first test seed", "it is one seed: report the mean",
             ('"test": statistics.mean(accuracies)', '"test": accuracies[0]')),
        edit("the variance", "it is the variance", ("statistics.stdev", "statistics.variance")),
        edit("runs counted", "runs are counted, not trials",
             ("len(trials)", 'sum(len(trial["accuracies"]) for trial in trials)')),
        edit("seeds counted", "these are the seeds of the test", ("len(trials)", "len(seeds)")),
        edit("one trial", "all that were tried count", ("len(trials)", "1")),
        edit("the best validation seed", "it is the winner's best seed",
             ('"validation": statistics.mean', '"validation": max')),
        edit("test is validation", "it is the validation mean",
             ('"test": statistics.mean(accuracies)',
              '"test": statistics.mean(winner["accuracies"])')),
        edit("divided by n", "divide by n − 1", ("statistics.stdev", "statistics.pstdev")),
        edit("the spread of the validation", "it is that of the validation",
             ("stdev(accuracies)", 'stdev(winner["accuracies"])')),
        edit("the standard error", "it is divided by √n",
             ("stdev(accuracies)", "stdev(accuracies) / math.sqrt(len(seeds))")),
        edit("no spread", "the report has no `std`",
             ('        "std": statistics.stdev(accuracies),\n', "")),
        edit("the whole trial", "`settings` are not those",
             ('"settings": winner["settings"],', '"settings": winner,')),
        edit("the trial tested", "the whole trial instead of its settings",
             ('test(winner["settings"], seed)', "test(winner, seed)")),
        edit("every setting doubled", "…, which is not the settings of a trial",
             ('test(winner["settings"], seed)', 'test([winner["settings"]] * 2, seed)')),
        edit("the count of trials as a list", "`trials` must be a number; it is a list",
             ("len(trials)", "trials")),
        edit("a text", "the report must be a dictionary; it is a str",
             ("return {", 'return "%(test).3f ± %(std).3f" % {')),
    ),
)  # fmt: skip

RANKED = "ranked = sorted(range(len(alive)), key=lambda i: accuracies[i], reverse=True)"
KEEP = "alive = [alive[i] for i in sorted(ranked[: len(alive) // 2])]"
TRAIN = "accuracies = [train(setting, more) for setting in alive]"

SUCCESSIVE_HALVING = Bank(
    right=(
        """
def successive_halving(settings, train, first):
    alive, done, total = settings, 0, 0
    while len(alive) > 1:
        more = done or first
        done, total = done + more, total + more * len(alive)
        ranked = sorted(alive, key=lambda s: train(s, more), reverse=True)
        alive = sorted(ranked[: len(alive) // 2], key=settings.index)
    return alive[0], total
""",
        """
def successive_halving(settings, train, first):
    alive = list(range(len(settings)))
    goal, had, total = first, [0] * len(settings), 0
    while len(alive) != 1:
        shown = {}
        for i in alive:
            shown[i] = float(train(setting=settings[i], epochs=goal - had[i]))
            had[i] = goal
        keep = len(alive) // 2
        alive = sorted(sorted(shown, key=lambda i: (-shown[i], i))[:keep])
        goal *= 2
    return settings[alive[0]], sum(had)
""",
        """
def successive_halving(settings, train, first, done=0):
    if len(settings) == 1:
        return settings[0], 0
    more = first if done == 0 else done
    scores = torch.tensor([train(each, more) for each in settings], dtype=torch.float64)
    order = scores.sort(descending=True, stable=True).indices
    order = order[: len(settings) // 2].sort().values
    winner, spent = successive_halving([settings[i] for i in order], train, first, done + more)
    return winner, spent + more * len(settings)
""",
        """
def successive_halving(settings, train, first):
    pool, more, total, start = settings.copy(), first, 0, True
    while pool[1:]:
        scored = []
        for each in pool:
            scored.append((train(each, more), each))
            total += more
        for _ in range(len(pool) - len(pool) // 2):
            lowest = min(score for score, _ in scored)
            worst = max(k for k, (score, _) in enumerate(scored) if score == lowest)
            del scored[worst]
        pool = [each for _, each in scored]
        more, start = (more if start else 2 * more), False
    return [pool[0], torch.tensor(total)]
""",
    ),
    wrong=(
        edit("restarted", "train goes on where it stopped",
             (TRAIN, "accuracies = [train(setting, done + more) for setting in alive]")),
        edit("never doubled", "each should have had 4 in all",
             ("more = done or first", "more = first")),
        edit("trebled", "after 1 epoch, train is asked for 3, expected 1 more",
             ("more = done or first", "more = 3 * done or first")),
        edit("no epochs at first", "train takes 1, 2, 3, … epochs; it got 0", (" or first", "")),
        edit("half an epoch", "epochs; it got 0.5", ("done or first", "(done or first) / 2")),
        edit("the index trained", "train got 0, which is not one of the settings",
             (TRAIN, "accuracies = [train(i, more) for i in range(len(alive))]")),
        edit("one epoch first", "the first round, settings are trained for 2 epochs, expected 1",
             ("done or first", "done or first + 1")),
        edit("worse half", "the worse half goes on", (", reverse=True", "")),
        edit("first half of the list", "whatever their accuracy",
             (KEEP, "alive = alive[: len(alive) // 2]")),
        edit("rounded up", "6 of 11 settings go on, expected 5",
             (KEEP, KEEP.replace("len(alive) // 2", "(len(alive) + 1) // 2"))),
        edit("only the worst dropped", "10 of 11 settings go on, expected 5",
             (KEEP, KEEP.replace("len(alive) // 2", "len(alive) - 1"))),
        edit("endless", "does the loop end?", (KEEP, KEEP.replace("len(alive) // 2", "2")),
             ("more = done or first", "more = first")),
        edit("the later of equals", "of two equal settings the later one stays",
             (RANKED, "ranked = sorted(range(len(alive)), key=lambda i: accuracies[i])[::-1]")),
        edit("survivors in the order of their ranks",
             "after 2 epochs of two equal settings the later one stays",
             ("sorted(ranked[: len(alive) // 2])", "ranked[: len(alive) // 2]")),
        edit("all that reach the median", "6 of 11 settings go on",
             (KEEP, "middle = statistics.median(accuracies)\n        "
              "alive = [each for each, a in zip(alive, accuracies) if a >= middle]")),
        written("all trained on", "all 11 settings go on; expected the better 5", """
def successive_halving(settings, train, first):
    left, done, total = len(settings), 0, 0
    while left > 1:
        more = done or first
        accuracies = [train(setting, more) for setting in settings]
        done, total, left = done + more, total + more * len(settings), left // 2
    return settings[max(range(len(settings)), key=lambda i: accuracies[i])], total
"""),
        written("best accuracy so far", "by their best accuracy so far; the latest counts", """
def successive_halving(settings, train, first):
    alive, best, done, total = list(range(len(settings))), [0] * len(settings), 0, 0
    while len(alive) > 1:
        more = done or first
        for i in alive:
            best[i] = max(best[i], train(settings[i], more))
        done, total = done + more, total + more * len(alive)
        alive = sorted(alive, key=lambda i: -best[i])[: len(alive) // 2]
    return settings[alive[0]], total
"""),
        written("ranked only once", "by the accuracies of an earlier round", """
def successive_halving(settings, train, first):
    accuracies = [train(setting, first) for setting in settings]
    ranked = sorted(range(len(settings)), key=lambda i: -accuracies[i])
    alive, done, total = ranked[: len(ranked) // 2], first, first * len(settings)
    while len(alive) > 1:
        for i in alive:
            train(settings[i], done)
        total += done * len(alive)
        done, alive = 2 * done, alive[: len(alive) // 2]
    return settings[alive[0]], total
"""),
        edit("one halving only", "ends too early: 5 settings are left",
             ("while len(alive) > 1:", "for _ in range(1):")),
        edit("stopped at two", "ends too early: 2 settings are left",
             ("len(alive) > 1", "len(alive) > 2")),
        edit("never trained", "train is never called", (TRAIN, "accuracies = [0] * len(alive)")),
        edit("the winner trained on", "when only one setting is left",
             ("return alive[0], total",
              "train(alive[0], done)\n    return alive[0], total + done")),
        edit("trained twice", "trained twice before all 11",
             (TRAIN, "accuracies = [max(train(s, more), train(s, more)) for s in alive]")),
        edit("a round counted once", "count the epochs of every setting",
             ("total += more * len(alive)", "total += more")),
        edit("earlier rounds counted again", "counted again",
             ("total += more * len(alive)", "total += done * len(alive)")),
        edit("calls counted", "but train was asked for 20 epochs",
             ("total += more * len(alive)", "total += len(alive)")),
        edit("the index", "`winner` must be a setting, a dictionary; it is an int",
             ("return alive[0]", "return settings.index(alive[0])")),
        edit("a list of one", "`winner` must be a setting, a dictionary; it is a list",
             ("return alive[0]", "return alive")),
        edit("the first of all", "the one that is left is",
             ("return alive[0]", "return settings[0]")),
        edit("no total", "must return winner, total; it returns a dict",
             ("return alive[0], total", "return alive[0]")),
        edit("the list changed", "the list `settings` was changed",
             (KEEP, KEEP.replace("alive =", "alive[:] =")), ("list(settings)", "settings")),
        edit("dictionaries compared", "your code raises TypeError",
             (RANKED, "ranked = sorted(zip(accuracies, alive), reverse=True)"),
             (KEEP, "alive = [each for _, each in ranked[: len(alive) // 2]]")),
        edit("nothing returned", "is there a `return`", ("return alive[0], total", "pass")),
    ),
)  # fmt: skip

ANSWERS = {
    "log_uniform": LOG_UNIFORM,
    "random_search": RANDOM_SEARCH,
    "seed_interval": SEED_INTERVAL,
    "honest_report": HONEST_REPORT,
    "successive_halving": SUCCESSIVE_HALVING,
}
