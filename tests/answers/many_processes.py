"""Answers to the exercises of notebook 05."""

from answers.kinds import Bank, edit, written

BOTH = "return joint, base * joint / 256"
JOINT_RATE = Bank(
    right=(
        """
def joint_rate(base, batch_size, processes, accumulate):
    k = batch_size / 256 * processes * accumulate
    return k * 256, k * base
""",
        """
import math
def joint_rate(base, batch_size, processes, accumulate):
    joint = math.prod([batch_size, processes, accumulate])
    return [joint, torch.tensor(base).mul(joint).div(256)]
""",
        """
def joint_rate(base, batch_size, processes, accumulate):
    images = 0
    for _process in range(processes):
        for _part in range(accumulate):
            images += batch_size
    rate_of_one_image = base / 256
    return images, images * rate_of_one_image
""",
    ),
    wrong=(
        edit("accumulation left out", "accumulation is left out", (" * accumulate", "")),
        edit("processes left out", "the number of processes is left out", (" * processes", "")),
        edit("one process's batch", "the batch of one process", (" * processes * accumulate", "")),
        edit("divided by accumulation", "accumulation makes", ("* accumulate", "/ accumulate")),
        edit("added up", "that is a sum", ("* processes * accum", "+ processes + accum")),
        edit("divided by the own batch", "not to batch_size", ("/ 256", "/ batch_size")),
        edit("not divided", "not to one", (" / 256", "")),
        edit("square root", "a square root's rule", ("joint / 256", "(joint / 256) ** 0.5")),
        edit("upside down", "wants a larger rate", ("joint / 256", "256 / joint")),
        edit("whole multiples", "the rate is 0.8, expected 0.9: is something rounded?",
             ("joint / 256", "(joint // 256)")),
        edit("rounded at the end", "the rate is 0, expected 0.9: is something rounded?",
             ("joint / 256", "joint // 256")),
        edit("never below the base", "that is the base rate",
             (BOTH, "return joint, base * max(1, joint / 256)")),
        edit("rate only", "expected two values", (BOTH, "return base * joint / 256")),
        edit("swapped", "swapped", (BOTH, "return base * joint / 256, joint")),
        edit("accumulation in the batch only", "joint_rate(0.4, 24, 8, 3): the rate is 0.3",
             (BOTH, "return joint, base * batch_size * processes / 256")),
        edit("nothing returned", "is there a `return`", (BOTH, "print(joint, base * joint / 256)")),
        edit("rounded to tenths", "the rate is 0, expected 0.025: is something rounded?",
             (BOTH, "return joint, round(base * joint / 256, 1)")),
    ),
)  # fmt: skip

REMOVE = 'name.removeprefix("module.")'
WITHOUT_MODULE = Bank(
    right=(
        """
def without_module(weights):
    bare = {}
    for name in weights:
        if name.startswith("module."):
            bare[name[len("module."):]] = weights[name]
        else:
            bare[name] = weights[name]
    return bare
""",
        """
import re
from collections import OrderedDict
def without_module(weights):
    return OrderedDict((re.sub(r"^module\\.", "", name), w) for name, w in weights.items())
""",
        """
def without_module(weights):
    names = [name.split(".") for name in weights]
    names = [".".join(parts[1:] if parts[0] == "module" else parts) for parts in names]
    return dict(zip(names, weights.values()))
""",
        """
def without_module(weights):
    weights = dict(weights)
    torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(weights, "module.")
    return weights
""",
    ),
    wrong=(
        edit("replaced everywhere", "not `module.` inside a name",
             (REMOVE, 'name.replace("module.", "")')),
        edit("letters stripped", "lstrip takes away letters", ("removeprefix", "lstrip")),
        edit("seven letters of every name", "a bare network: `conv1.weight` became `eight`",
             (REMOVE, "name[7:]")),
        edit("first part of every name", "a bare network: `conv1.weight` became `weight`",
             (REMOVE, 'name.partition(".")[2]')),
        edit("last part after module", "`module.submodule.fc.bias` became `fc.bias`",
             (REMOVE, 'name.split("module.")[-1]')),
        edit("second part after module", "a bare network: your code raises IndexError",
             (REMOVE, 'name.split("module.", 1)[1]')),
        edit("next part after module", "`module.submodule.fc.bias` became `sub`",
             (REMOVE, 'name.split("module.")[1]')),
        edit("every module inside", "is missing: what became of `module.submodule.fc.bias`?",
             (REMOVE, 'name.replace("module", "").lstrip(".")')),
        edit("the given dict where nothing is to do", "the result is the dict that was given",
             ("    return {", '    if not any(name.startswith("module.") for name in weights):\n'
              "        return weights\n    return {")),
        edit("all names as the first", "names with the prefix and without: `modulation.weight`",
             (REMOVE, 'name[7 * next(iter(weights)).startswith("module."):]')),
        edit("the dot stays", "the dot belongs to the prefix", ("module.", "module")),
        edit("another prefix", "the prefix is still there", ('"module."', '"model."')),
        edit("wrapped names only", "is missing: 0 of 7 entries are there",
             ("weights.items()}", 'weights.items() if name.startswith("module.")}')),
        written("as often as it comes", "the prefix goes once", """
def without_module(weights):
    bare = {}
    for name, weight in weights.items():
        while name.startswith("module."):
            name = name.removeprefix("module.")
        bare[name] = weight
    return bare
"""),
        written("in place", "the dict that was given is changed", """
def without_module(weights):
    for name in list(weights):
        weights[name.removeprefix("module.")] = weights.pop(name)
    return weights
"""),
        written("nothing returned", "the result must be a dict; it is nothing", """
def without_module(weights):
    bare = {name.removeprefix("module."): weight for name, weight in weights.items()}
"""),
        written("names only", "must be a dict; it is a list", """
def without_module(weights):
    return [name.removeprefix("module.") for name in weights]
"""),
        written("old names as well", "'module.conv1.weight' is too much", """
def without_module(weights):
    bare = dict(weights)
    for name, weight in weights.items():
        bare[name.removeprefix("module.")] = weight
    return bare
"""),
        written("dict changed in its loop", "your code raises RuntimeError", """
def without_module(weights):
    for name, weight in weights.items():
        if name.startswith("module."):
            weights[name[7:]] = weight
            del weights[name]
    return weights
"""),
        edit("names as values", "must be a tensor; it is a str",
             (f"{REMOVE}: weight", f"{REMOVE}: name")),
    ),
)  # fmt: skip

TOP_K_ACCURACY = Bank(
    right=(
        """
def top_k_accuracy(k, logits, labels):
    right = 0
    for row, label in zip(logits.tolist(), labels.tolist()):
        ahead = sum(logit >= row[label] for c, logit in enumerate(row) if c != label)
        right += ahead < k
    return right / len(labels)
""",
        """
def top_k_accuracy(k, logits, labels):
    if k >= logits.shape[1]:
        return 1.0
    own = logits[torch.arange(len(labels)), labels]
    next_best = logits.topk(k + 1, dim=1).values[:, k]
    return (own > next_best).float().mean()
""",
        """
def top_k_accuracy(k, logits, labels):
    hidden = logits.scatter(1, labels[:, None], -torch.inf)  # all but the label's own
    others = hidden.sort(1, descending=True).values
    k = min(k, logits.shape[1])
    own = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return 1 - (others[:, k - 1] >= own).double().mean()
""",
    ),
    wrong=(
        written("topk", "a tie does not count, here", """
def top_k_accuracy(k, logits, labels):
    k = min(k, logits.shape[1])
    return (logits.topk(k).indices == labels[:, None]).any(1).float().mean().item()
"""),
        written("topk of too many", "k = 9 of 7 classes: your code raises RuntimeError", """
def top_k_accuracy(k, logits, labels):
    return (logits.topk(k).indices == labels[:, None]).any(1).float().mean().item()
"""),
        edit("ties count", "a tie does not count, here it does",
             (">= own", "> own"), ("place <= k", "place < k")),
        written("only constant logits refused", "logits with ties", """
def top_k_accuracy(k, logits, labels):
    largest = logits.topk(min(k, logits.shape[1])).indices
    right = (largest == labels[:, None]).any(1) & (logits.std(1) > 0)
    return right.float().mean()
"""),
        edit("one too few", "that counts the 2 largest", ("place <= k", "place < k")),
        edit("one too many", "that counts the 4 largest", ("place <= k", "place <= k + 1")),
        edit("k forgotten", "that is top-1", ("place <= k", "place <= 1")),
        edit("k-th place alone", "that counts place 3 alone", ("place <= k", "place == k")),
        edit("smallest", "the 3 smallest logits", (">= own", "<= own")),
        edit("misses", "the share of the wrong answers", ("place <= k", "place > k")),
        edit("number", "a number of images", ("mean()", "sum()")),
        edit("per cent", "in per cent", ("return", "return 100 *")),
        written("divided by k too", "once more by k", """
def top_k_accuracy(k, logits, labels):
    k = min(k, logits.shape[1])
    return (logits.topk(k).indices == labels[:, None]).float().mean().item()
"""),
        edit("one for each image", "must be a number", (".double().mean().item()", "")),
        written("of any image", "not of any image", """
def top_k_accuracy(k, logits, labels):
    largest = set(logits.topk(min(k, logits.shape[1])).indices.flatten().tolist())
    return sum(label in largest for label in labels.tolist()) / len(labels)
"""),
        edit("label's class not picked", "your code raises", ("labels[:, None]", "labels")),
    ),
)  # fmt: skip

SEEDED = "generator = torch.Generator().manual_seed(seed + epoch)"
DEAL = "order[rank::processes].tolist()"
SHARD = Bank(
    right=(
        """
import random
def shard(images, rank, processes, seed, epoch):
    order = list(range(images))
    random.Random(1_000_003 * seed + epoch).shuffle(order)
    return [image for place, image in enumerate(order) if place % processes == rank]
""",
        """
import numpy
def shard(images, rank, processes, seed, epoch):
    order = numpy.random.default_rng([seed, epoch]).permutation(images)
    return numpy.array_split(order, processes)[rank]
""",
        """
def shard(images, rank, processes, seed, epoch):
    torch.manual_seed(hash((seed, epoch)))
    order = torch.randperm(images)
    return order.tensor_split(processes)[rank]
""",
        """
import random
def shard(images, rank, processes, seed, epoch):
    order = random.Random(f"{seed} {epoch}").sample(range(images), images)
    begin, end = rank * images // processes, (rank + 1) * images // processes
    yield from order[begin:end]
""",
    ),
    wrong=(
        written("DistributedSampler pads", "is that padding?", """
from torch.utils.data import DistributedSampler
def shard(images, rank, processes, seed, epoch):
    sampler = DistributedSampler(range(images), processes, rank, seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)
"""),
        written("DistributedSampler drops", "belongs to no process; 20 are dealt out", """
from torch.utils.data import DistributedSampler
def shard(images, rank, processes, seed, epoch):
    sampler = DistributedSampler(range(images), processes, rank, seed=seed, drop_last=True)
    sampler.set_epoch(epoch)
    return list(sampler)
"""),
        edit("blocks of equal size, the rest lost", "belongs to no process",
             (DEAL, "order[rank * (images // processes):][:images // processes].tolist()")),
        edit("the last takes the rest", "the processes get 5, 5, 5, 7 images",
             (DEAL, "order[rank * (images // processes):None if rank == processes - 1 else "
                    "(rank + 1) * (images // processes)].tolist()")),
        edit("chunk", "the processes get 6, 6, 6, 4 images",
             (DEAL, "order.chunk(processes)[rank].tolist()")),
        edit("rank in the seed", "do all processes shuffle in the same order?",
             ("seed + epoch", "seed + epoch + rank")),
        edit("rank times epoch in the seed", "epoch 1: image",
             ("seed + epoch", "seed + epoch * (rank + 1)")),
        edit("unseeded", "the same call twice gives other images",
             ("images, generator=generator", "images")),
        edit("not shuffled", "the images are not shuffled",
             ("torch.randperm(images, generator=generator)", "torch.arange(images)")),
        edit("epoch forgotten", "epoch has no effect", ("seed + epoch", "seed")),
        edit("seed forgotten", "seed has no effect", ("seed + epoch", "epoch")),
        edit("seed times epoch",
             "epoch has no effect: seed 0, epoch 0 and seed 0, epoch 1 give the same order",
             ("seed + epoch", "seed * epoch")),
        edit("a set", "must get a list of indices; it is a set", (DEAL, f"set({DEAL})")),
        edit("own part shuffled", "each process has the same images in every epoch",
             ("torch.randperm(images, generator=generator)",
              "torch.arange(rank, images, processes)"),
             ("order[rank::processes]", "order[torch.randperm(len(order), generator=generator)]")),
        edit("all images to all", "each process gets all images", (DEAL, "order.tolist()")),
        edit("ranks from one", "belongs to no process; 21 are dealt out",
             ("[rank::", "[rank + 1::")),
        edit("images from one", "gets image 22; the images are numbered from 0",
             ("order[rank::processes]", "(1 + order[rank::processes])")),
        edit("padded by hand", "24 are dealt out, is that padding?",
             ("return", "order = torch.cat([order, order[:-images % processes]])\n    return")),
        edit("one image", "must get a list of indices; it is an int",
             (DEAL, "int(order[rank])")),
        edit("nothing returned", "must get a list of indices; it is nothing",
             ("return order", "order")),
    ),
)  # fmt: skip

HEAD = """
def joint_mean(batches, all_reduce):
"""
CALL = "    all_reduce(totals)  # once, also without a batch\n"
SHARES = "return loss / images, right / images"
JOINT_MEAN = Bank(
    right=(
        HEAD + """
    loss_sum, right, count = torch.zeros(()), torch.zeros(()), torch.zeros(())
    for logits, labels in batches:
        loss_sum += F.cross_entropy(logits, labels) * len(labels)
        right += (logits.argmax(1) == labels).sum()
        count += len(labels)
    for each in (loss_sum, right, count):
        all_reduce(each)
    return loss_sum / count, right / count
""",
        HEAD + """
    loss, right, count = 0.0, 0, 0
    for logits, labels in batches:
        loss += F.cross_entropy(logits, labels).item() * labels.numel()
        right += int((logits.max(dim=1).indices == labels).sum())
        count += labels.numel()
    sums, counts = torch.tensor([loss]), torch.tensor([right, count])
    all_reduce(sums)
    all_reduce(counts)
    return sums.item() / counts[1].item(), (counts[0] / counts[1]).item()
""",
        HEAD + """
    totals = torch.zeros(2)
    count = torch.tensor(sum(len(labels) for _, labels in batches))
    if batches:
        logits = torch.cat([logits for logits, _ in batches])
        labels = torch.cat([labels for _, labels in batches])
        totals[0] = -logits.log_softmax(1)[range(len(labels)), labels].sum()
        totals[1] = logits.argmax(1).eq(labels).sum()
    all_reduce(count)
    totals /= count
    all_reduce(totals)
    return totals
""",
        HEAD + """
    @torch.inference_mode()
    def measured():
        for logits, labels in batches:
            log_p = F.log_softmax(logits, dim=-1)
            loss = F.nll_loss(log_p, labels, reduction="none")
            yield torch.stack([loss, (log_p.argmax(-1) == labels).float(), torch.ones(len(loss))])

    totals = torch.cat([torch.zeros(3, 1), *measured()], dim=1).sum(1)
    all_reduce(totals)
    loss, accuracy, _ = totals / totals[2]
    return [loss, accuracy]
""",
    ),
    wrong=(
        edit("never called", "no process called all_reduce", (CALL, "")),
        edit("a process without images leaves", "process 2, which has no batch, never called",
             ("    totals =", "    if not batches:\n        return 0.0, 0.0\n    totals =")),
        edit("called only with images", "process 2, which has no batch, never called",
             (CALL, "    if totals[2] > 0:\n        all_reduce(totals)\n"
                    "    else:\n        return 0.0, 0.0\n")),
        written("fails without a batch", "never called all_reduce: the others wait for ever (your",
                HEAD + """
    logits = torch.cat([logits for logits, _ in batches])
    labels = torch.cat([labels for _, labels in batches])
    right = (logits.argmax(1) == labels).sum()
    totals = torch.stack([F.cross_entropy(logits, labels, reduction="sum"), right,
                          torch.tensor(len(labels))])
    all_reduce(totals)
    loss, right, images = totals.tolist()
    return loss / images, right / images
"""),
        edit("called for every batch", "process 1 called all_reduce only once: the others wait",
             (CALL, "        all_reduce(totals)\n")),
        written("own mean divided first", "process 2, which has no batch, never called",
                HEAD + """
    loss = sum(F.cross_entropy(logits, labels, reduction="sum") for logits, labels in batches)
    right = sum((logits.argmax(1) == labels).sum() for logits, labels in batches)
    images = sum(len(labels) for _, labels in batches)
    totals = torch.tensor([loss / images * images, right / images * images, images])
    all_reduce(totals)
    return (totals[:2] / totals[2]).tolist()
"""),
        written("whole numbers without a batch", "shapes and dtypes must agree", HEAD + """
    loss, right, images = 0, 0, 0
    for logits, labels in batches:
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        right += (logits.argmax(1) == labels).sum().item()
        images += len(labels)
    totals = torch.tensor([loss, right, images])
    all_reduce(totals)
    return totals[0] / totals[2], totals[1] / totals[2]
"""),
        edit("result of all_reduce used", "all_reduce gives nothing back",
             (CALL, "    totals = all_reduce(totals)\n")),
        edit("a copy is added up", "the mean of this process's own images",
             ("all_reduce(totals)", "all_reduce(totals.clone())")),
        edit("numbers instead of a tensor", "all_reduce takes a tensor; it was given a list",
             (CALL, "    all_reduce(totals.tolist())\n")),
        edit("right answers not added up", "process 0: the accuracy",
             ("all_reduce(totals)", "all_reduce(totals[::2])")),
        edit("images not added up", "the number of images only this process's",
             ("all_reduce(totals)", "all_reduce(totals[:2])")),
        edit("only images added up", "the sum only this process's",
             ("all_reduce(totals)", "all_reduce(totals[2:])")),
        edit("mean of batch means", "that is the mean of the batches' means",
             (', reduction="sum"', ""), (".sum()", ".double().mean()"), ("len(labels)", "1.0")),
        edit("batch means over images", "batches' means, divided by the images",
             (', reduction="sum"', "")),
        written("mean of process means", "that is the mean of the processes' means", HEAD + """
    totals = torch.zeros(3)
    for logits, labels in batches:
        loss = F.cross_entropy(logits, labels, reduction="sum")
        totals += torch.tensor([loss, (logits.argmax(1) == labels).sum(), len(labels)])
    means = torch.cat([totals[:2] / totals[2].clamp(min=1), torch.ones(1)])
    all_reduce(means)
    return means[0] / means[2], means[1] / means[2]
"""),
        edit("sums returned", "that is the sum over all images", (SHARES, "return loss, right")),
        edit("divided by batches", "divided by the batches", ("len(labels)", "1")),
        edit("in per cent", "that is in per cent",
             ("right / images\n", "100 * right / images\n")),
        edit("swapped", "loss comes first", (SHARES, "return right / images, loss / images")),
        edit("loss only", "expected two values, (loss, accuracy)",
             (SHARES, "return loss / images")),
        edit("last batch only", "the last batch of each process", ("totals +=", "totals =")),
        edit("endless while others wait", "called more than 50 times",
             (CALL, "    while totals[2] < 1e30:\n        all_reduce(totals)\n")),
    ),
)  # fmt: skip

ANSWERS = {
    "joint_rate": JOINT_RATE,
    "without_module": WITHOUT_MODULE,
    "top_k_accuracy": TOP_K_ACCURACY,
    "shard": SHARD,
    "joint_mean": JOINT_MEAN,
}
