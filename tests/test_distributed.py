"""Several processes train one network as one process would, and agree on how it ends."""

import math
import signal
import sys
import time
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from helpers import CLASSES, At, same, small_model, small_set, stop_at
from ranks import exact_model, shared_run, together, trained

from course_utils import Batches, Totals, evaluate, load_checkpoint
from course_utils.engine.distributed import (
    all_gather,
    main_first,
    micro_batches,
    own_device,
    process_group,
    replicate,
    unwrapped,
    world,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork, and signals between processes"),
]


def flat(tensors) -> list[float]:
    return torch.cat([tensor.detach().flatten() for tensor in tensors]).tolist()


def twenty_steps(accumulate: int) -> dict:
    """Batches of 8, 8, 8 and 7 images; the gradients of an even and of an uneven batch."""
    found, model = {}, exact_model()

    def keep(state) -> None:
        found[f"gradients {state.step}"] = flat(p.grad for p in state.model.parameters())

    with process_group(30):
        history = shared_run(
            None,
            [At(1, keep), At(4, keep)],
            model=model,
            images=31,
            epochs=5,
            accumulate=accumulate,
        )
    found["weights"] = flat(model.parameters())
    names = ("step", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
    found["history"] = [entry[name] for entry in history for name in names]
    return found


@pytest.mark.parametrize("processes, accumulate", [(1, 3), (2, 1), (2, 3)])
def test_processes_and_parts_equal_one_process_on_the_joint_batch(processes, accumulate):
    expected = twenty_steps(1)
    assert expected["history"][-5] == 20
    if processes == 1:
        results = [twenty_steps(accumulate)]
    else:
        results = together(twenty_steps, accumulate, processes=processes)
    for found in results:
        for name, values in expected.items():
            torch.testing.assert_close(found[name], values, rtol=0, atol=1e-12, msg=name)


def evaluated(counts: list[int]) -> list:
    """A network evaluated on so many images, and once more without being told of classes."""
    results = []
    with process_group(30) as here:
        for images in counts:
            share = {"rank": here.rank, "processes": here.size}
            loader = Batches(small_set(images, seed=1), 8, **share)
            totals = Totals(CLASSES, "cpu", top_k=2)
            result = evaluate(small_model(), loader, totals=totals)
            seen = sum(all_gather(sum(len(labels) for _, labels in loader)))
            alike = evaluate(small_model(), loader)["accuracy"]
            results.append((result, totals.confusion.tolist(), int(totals.hits), seen, alike))
    return results


def test_every_image_is_evaluated_once():
    counts = [101, 1]
    alone = evaluated(counts)
    for found in together(evaluated, counts):
        for images, expected, result in zip(counts, alone, found):
            assert result[0] == pytest.approx(expected[0], rel=1e-6)
            assert result[1:] == expected[1:]
            assert sum(map(sum, result[1])) == result[3] == images


def test_the_history_of_all_is_what_the_checkpoint_does(tmp_path):
    for val_images in (31, 1):  # of one image the second process has none
        folder = tmp_path / str(val_images)
        one, other = together(trained, folder, (), 30, {"val_images": val_images})
        assert len(one) == 3 and same(one, other)
        assert one[-1]["cpu_seconds"] == other[-1]["cpu_seconds"]  # of both
        saved, model = load_checkpoint(folder / "last.pt"), small_model()
        assert same(saved["history"], one)
        model.load_state_dict(saved["model"])  # which has no "module." in its names
        result = evaluate(model, Batches(small_set(val_images, seed=1), 8))
        assert result["loss"] == pytest.approx(one[-1]["val_loss"], rel=1e-6)
        assert result["accuracy"] == one[-1]["val_accuracy"]


def spoilt(folder, accumulate: int) -> tuple:
    """Training, taken up after step 3, in which one process's loss is NaN at step 25 of 30."""
    states, calls = [], 0

    def loss_fn(logits, labels):
        nonlocal calls
        calls += 1
        spoil = world().rank and calls > 24 * accumulate
        return F.cross_entropy(logits, labels) * (math.nan if spoil else 1)

    options = {"images": 240, "loss_fn": loss_fn, "accumulate": accumulate}
    with process_group(30):
        shared_run(folder, [stop_at(3)], **options)
        history = shared_run(folder, [At(25, states.append)], resume=folder, **options)
    [state] = states
    return history, state.step, state.stop, state.healthy


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_not_finite_in_one_process_ends_all(tmp_path, accumulate):
    for history, step, stop, healthy in together(spoilt, tmp_path, accumulate):
        assert history == [] and step == 25 and not healthy
        assert "the loss is not finite since step 25;" in stop
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3


def test_one_process_told_to_stop_stops_all_and_a_resume_goes_on_exactly(tmp_path):
    whole, parts_ = tmp_path / "whole", tmp_path / "parts"
    expected, _ = together(trained, whole)
    stopped = together(trained, parts_, (10, signal.SIGTERM, 1))
    assert all(same(history, expected[:1]) for history in stopped)
    assert load_checkpoint(parts_ / "last.pt")["step"] == 10
    resumed = together(trained, parts_, (), 30, {"resume": parts_})
    assert all(same(history, expected) for history in resumed)
    one, other = (load_checkpoint(folder / "last.pt") for folder in (whole, parts_))
    assert all(same(other[name], one[name]) for name in one)


def test_alone_nothing_changes():
    with process_group() as here:
        assert here == world() and (here.rank, here.local_rank, here.size) == (0, 0, 1)
        assert not torch.distributed.is_initialized()
    model = small_model()
    assert replicate(model) is model is unwrapped(model)
    assert all_gather("mine") == ["mine"]
    with main_first():
        pass


def devices_and_turns(folder) -> tuple:
    """Which devices each process is refused; whether it finds what the first one makes."""
    said = []
    with process_group(30) as here:
        torch.cuda.device_count = lambda: 1
        for name in ("cpu", "cuda:1", "mps", *["cuda"] * here.rank):  # the first GPU is the first's
            try:
                said.append(str(own_device(torch.device(name))))
            except ValueError as error:
                said.append(str(error))
        made = folder / "made"
        with main_first():
            found = made.exists()
            if not here.rank:
                time.sleep(0.3)
                made.touch()
    return said, found


def test_each_process_has_a_device_and_a_turn(tmp_path):
    refused = [f"device {d} is one for 2 processes: use --device cpu" for d in ("cuda:1", "mps")]
    few = "this machine has 1 GPUs: start torchrun --nproc-per-node 1"
    one, other = together(devices_and_turns, tmp_path)
    assert one == (["cpu", *refused], False)
    assert other == (["cpu", *refused, few], True)


def test_alone_a_batch_is_one_part_of_weight_one():
    """So that a run in one process is the same to the bit as without weights."""
    batch = torch.rand(7, 3, 8, 8), torch.zeros(7, dtype=torch.int64)
    state = SimpleNamespace(loader=[batch], batch=0, accumulate=1)
    [(images, labels, weight)] = micro_batches(state, *batch)
    assert weight == 1.0 and torch.equal(images, batch[0]) and torch.equal(labels, batch[1])
    state.accumulate = 3
    assert [weight for *_, weight in micro_batches(state, *batch)] == [3 / 7, 3 / 7, 1 / 7]
