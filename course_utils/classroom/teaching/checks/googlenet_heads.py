"""Checks of the exercises on the heads of a network (notebook 02)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.teaching.answers import CheckFailed, described, question
from course_utils.classroom.teaching.checks.common import chance, kind, number, random, same, tensor
from course_utils.classroom.teaching.checks.googlenet import built, filled, kernels
from course_utils.classroom.teaching.checks.judging import case, judge
from course_utils.classroom.teaching.checks.layers import compare, count, descend

CHANGED = "deployed() changes the network itself"


@question
def head_output(answer, sizes: list, x: Tensor, weight: Tensor, training: bool, seed: int):
    """The logits that a head with this weight, and a bias of zero, gives for x."""
    network = built(answer(*sizes), x)
    filled(network, [weight])
    torch.manual_seed(seed)
    return network.train(training)(x)


def pooled_head(
    answer: type[nn.Module],
    channels: int = 6,
    num_classes: int = 4,
    dropout: float = 0.4,
    seed: int = 0,
) -> None:
    """Global average pooling, dropout and a linear layer, for maps of any size."""
    (weight,) = kernels((num_classes, channels), seed=seed)
    for shape in ((3, channels, 4, 4), (2, channels, 3, 5), (1, channels, 2, 2)):
        x, sizes = random(*shape, seed=seed), [channels, num_classes, dropout]
        logits = x.mean((2, 3)) @ weight.T
        with case(f"with x of shape {shape}"):
            first, second = (
                tensor(head_output(answer, sizes, x, weight, False, draw), "the output",
                       (len(x), num_classes)) for draw in (0, 1)
            )  # fmt: skip
            if not same(first, second):
                raise CheckFailed("in eval mode two passes differ: dropout acts in training only")
            compare(
                first, logits, "in eval mode the logits are not linear in the channels' means",
                (x.amax((2, 3)) @ weight.T, "the maximum of each channel is taken, not its mean"),
                (x.sum((2, 3)) @ weight.T, "each channel is summed up, not averaged"),
                (logits.softmax(1), "these are probabilities: a head gives logits, no softmax"),
                (logits.log_softmax(1), "the logits went through log_softmax"),
                (F.relu(logits), "the logits went through a ReLU"),
                (F.relu(x.mean((2, 3))) @ weight.T, "the means went through a ReLU"),
                (logits * (1 - dropout), "the output is scaled by 1 − dropout in eval mode"),
            )  # fmt: skip
    _dropped(answer, channels, dropout, seed)


def _dropped(answer: type[nn.Module], channels: int, dropout: float, seed: int) -> None:
    """In training, dropout must act on the means, and with the probability asked for."""
    weight = torch.linalg.qr(random(channels, channels, seed=seed)).Q
    x = 1 + random(256, channels, 3, 3, seed=seed).abs()
    output = head_output(answer, [channels, channels, dropout], x, weight, True, seed)
    output = tensor(output, "in training the output", (256, channels)).to(weight.dtype)
    factors = output @ weight / x.mean((2, 3))  # what each mean was multiplied by
    zero = factors.abs() < 1e-3
    share, kept = zero.float().mean().item(), factors[~zero]
    if same(factors, torch.ones_like(factors), 1e-3):
        raise CheckFailed("in training nothing is dropped: is there a dropout, and is it used?")
    if kept.numel() and not kept.max() - kept.min() < 1e-2:
        place = "the logits" if (output.abs() < 1e-6).float().mean() > 0.05 else "single pixels"
        raise CheckFailed(f"dropout acts on {place}: it belongs between means and linear layer")
    if not abs(share - dropout) < 0.06:
        raise CheckFailed(f"{share:.0%} of the means are dropped, expected {dropout:.0%}")
    if not abs(kept.mean().item() - 1 / (1 - dropout)) < 1e-2:
        raise CheckFailed(
            f"dropout multiplies what it keeps by {kept.mean():.2f}, "
            f"expected 1 / (1 − {dropout}) = {1 / (1 - dropout):.2f}"
        )


def _parts(weights: list) -> tuple[list[nn.Module], list[nn.Module]]:
    """Stages, and a head for each, with these weights: (convolution, linear) for each pair."""
    stages, heads = [], []
    for convolution, linear in weights:
        out, channels, *_ = convolution.shape
        pool = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        with chance(0):  # new layers draw weights
            stages.append(nn.Sequential(nn.Conv2d(channels, out, 3, padding=1), nn.Tanh()))
            heads.append(nn.Sequential(*pool, nn.Linear(*reversed(linear.shape))))
        filled(stages[-1], [convolution])
        filled(heads[-1], [linear])
    return stages, heads


@question
def answers_in(answer, training: bool, weights: list, images: Tensor) -> dict:
    """What a network with auxiliary heads gives in a mode, and which of its heads ran."""
    stages, heads = _parts(weights)
    network, ran = answer(stages, heads), []
    for i, head in enumerate(heads):
        head.register_forward_hook(lambda *_, i=i: ran.append(i))
    output = network.train(training)(images)
    return {"parameters": count(network), "output": output, "ran": ran}


@question
def lesson(answer, weights: list, weight: float, images: Tensor, labels: Tensor) -> dict:
    """The losses in both modes, and what the network gives after a step of training."""
    network, told = answer(*_parts(weights), weight=weight), {}
    for mode in ("evaluation", "training"):
        network.train(mode == "training")
        loss = told[mode] = network.loss(images, labels)
        told[f"still in {mode}"] = network.training == (mode == "training")
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        raise CheckFailed(f"no gradient can flow back from the loss: it is {kind(loss)}; "
                          "give back the tensor as it was computed")  # fmt: skip
    descend(network.parameters(), loss)
    told["learnt"] = network.train()(images)
    deployed = network.deployed()
    if not isinstance(deployed, nn.Module):
        raise CheckFailed(f"deployed() must give a network (nn.Module); it is {kind(deployed)}")
    with case(CHANGED):
        try:
            told["afterwards"] = network(images)
        except Exception as error:
            raise CheckFailed(described(error)) from error
    told["parameters"] = count(deployed)
    told["deployed"] = deployed.train()(images)
    return told


def _all_logits(stages: list, heads: list, images: Tensor, detached: bool = False) -> list[Tensor]:
    logits = []
    for stage, head in zip(stages, heads, strict=True):
        images = stage(images)
        last = head is heads[-1]
        logits.append(head(images.detach() if detached and not last else images))
    return logits


def auxiliary_loss(
    answer: type[nn.Module], depth: int = 3, weight: float = 0.4, seed: int = 0
) -> None:
    """All heads' logits and a joint loss in training, the main head's alone in evaluation."""
    classes = 5
    images, labels = random(6, 3, 5, 5, seed=seed), torch.arange(6) % classes
    weights = [kernels((3, 3, 3, 3), (classes, 3), seed=seed + 2 * i) for i in range(depth)]
    stages, heads = _parts(weights)
    expected = [each.detach() for each in _all_logits(stages, heads, images)]
    _judge_evaluation(answers_in(answer, False, weights, images), expected)
    told = answers_in(answer, True, weights, images)
    if not _all_same(told["output"], expected, "in training"):
        raise CheckFailed(_wiring(told["output"], expected, stages, heads, images))
    whole = sum(map(count, [*stages, *heads]))
    if told["parameters"] != whole:
        raise CheckFailed(
            f"the network has {told['parameters']} parameters, stages and heads have {whole}: "
            "a plain Python list hides layers"
        )
    told = lesson(answer, weights, weight, images, labels)
    _judge_losses(told, expected, labels, weight)
    learnt, cut = (_after_step(weights, weight, images, labels, cut) for cut in (False, True))
    if not _all_same(told["learnt"], learnt, "after a step"):
        if _all_same(told["learnt"], cut, "after a step"):
            raise CheckFailed("the auxiliary losses do not reach the stages: what is detached?")
        raise CheckFailed("a step of training does not change the network as the loss demands")
    with case(CHANGED):
        if not _all_same(told["afterwards"], learnt, "afterwards"):
            raise CheckFailed("afterwards it gives other logits")
    without = whole - sum(map(count, heads[:-1]))
    if told["parameters"] != without:
        raise CheckFailed(f"deployed() has {told['parameters']} parameters, expected "
                          f"{without}: the stages and the main head")  # fmt: skip
    output = tensor(told["deployed"], "the output of deployed()", tuple(expected[-1].shape))
    if not same(output, learnt[-1]):
        raise CheckFailed("deployed() gives other logits than the main head, with its weights")


def _after_step(weights: list, weight: float, images: Tensor, labels: Tensor, cut: bool) -> list:
    """All logits after a step of training; with ``cut``, auxiliary losses stop at their heads."""
    stages, heads = _parts(weights)
    *auxiliary, main = (
        F.cross_entropy(each, labels) for each in _all_logits(stages, heads, images, detached=cut)
    )
    parameters = [p for part in (*stages, *heads) for p in part.parameters()]
    descend(parameters, main + weight * sum(auxiliary))
    return [each.detach() for each in _all_logits(stages, heads, images)]


def _all_same(given: object, expected: list[Tensor], when: str) -> bool:
    if type(given) not in (list, tuple):
        raise CheckFailed(f"{when} forward gives {kind(given)}; expected a list of all logits")
    if len(given) != len(expected):
        raise CheckFailed(f"{when} forward gives {len(given)} logits, expected {len(expected)}")
    shape = tuple(expected[0].shape)
    given = [tensor(each, f"{when} forward's element {i}", shape) for i, each in enumerate(given)]
    return all(same(*pair) for pair in zip(given, expected, strict=True))


def _judge_evaluation(told: dict, expected: list[Tensor]) -> None:
    main, shape = told["output"], tuple(expected[-1].shape)
    if type(main) in (list, tuple):
        raise CheckFailed(f"in evaluation forward gives {kind(main)} of {len(main)}; "
                          "expected the main head's logits alone")  # fmt: skip
    main = tensor(main, "in evaluation the output", shape)
    if same(main, expected[0]):
        raise CheckFailed("in evaluation the first head answers; the main one is the last")
    if same(main, expected[-1].softmax(1)):
        raise CheckFailed("in evaluation these are probabilities; logits are expected")
    if not same(main, expected[-1]):
        raise CheckFailed("in evaluation the output is not the last head's, behind all stages")
    if told["ran"] != [len(expected) - 1]:
        ran = ", ".join(map(str, told["ran"]))
        raise CheckFailed(f"in evaluation only the last head need run; these ran: {ran}")


def _wiring(given: list, expected: list, stages: list, heads: list, images: Tensor) -> str:
    """Why the logits in training are not those expected."""
    if _all_same(given, expected[::-1], "") or _all_same(given, [expected[-1], *expected[:-1]], ""):
        return "in training the logits stand in another order: the main head's come last"
    end = nn.Sequential(*stages)(images).detach()
    if _all_same(given, [head(end).detach() for head in heads], ""):
        return "every head reads the last stage's output; head i belongs behind stage i"
    alone = [head(stage(images)).detach() for stage, head in zip(stages, heads, strict=True)]
    if _all_same(given, alone, ""):
        return "every stage reads the images; stage i goes on with what stage i − 1 gave"
    right = [same(*pair) for pair in zip(given, expected, strict=True)]
    return f"in training the logits of head {right.index(False)} are not right"


def _judge_losses(told: dict, logits: list[Tensor], labels: Tensor, weight: float) -> None:
    *auxiliary, main = each = [F.cross_entropy(one, labels).item() for one in logits]
    others = sum(auxiliary)
    joint = main + weight * others
    doubled = [F.cross_entropy(one.softmax(1), labels).item() for one in logits]

    loss = number(told["evaluation"], "the loss in evaluation")
    judge(
        "in evaluation the loss", loss, main,
        (joint, "the auxiliary losses are added; only the main one counts"),
        (doubled[-1], "cross-entropy takes logits, not softmax"),
        (main * len(labels), "the losses are summed over images; take the mean"),
    )  # fmt: skip
    loss = number(told["training"], "the loss in training")
    judge(
        "in training the loss", loss, joint,
        (main, "the auxiliary losses are missing"),
        (main + others, "the auxiliary losses have no weight"),
        (weight * (main + others), "the main loss has the weight, too"),
        (weight * main + others, "the weight is at the main loss, not at the auxiliary ones"),
        (main + weight * others / len(auxiliary), "the auxiliary losses are averaged; add them"),
        (main + 0.3 * others, "the weight is always 0.3"),
        (each[0] + weight * sum(each[1:]), "the first head is taken as the main one; it is last"),
        (joint + weight * main, "the main loss is counted as an auxiliary one, too"),
        ((1 - weight) * main + weight * others, "the main loss is scaled by 1 − weight"),
        (joint / len(each), "the sum is divided by the number of heads"),
    )  # fmt: skip
    for mode in ("evaluation", "training"):
        if told[f"still in {mode}"] is not True:
            raise CheckFailed(f"loss() takes the network out of {mode} mode, and leaves it there")
