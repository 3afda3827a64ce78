"""What stands around the epochs of `fit`: how they begin, where they were stopped, what is kept."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch

from course_utils.engine.distributed import all_reduce_sum
from course_utils.engine.explain import check_labels, check_memory_format, count_batches
from course_utils.engine.interrupts import StopTogether, stop_on_interrupt
from course_utils.engine.random_state import random_state, set_random_state
from course_utils.engine.state import TrainState
from course_utils.training.callbacks import Callback
from course_utils.training.metrics import Totals
from course_utils.training.optim import Schedule
from course_utils.training.timing import Timer


def begin(
    model, optimizer, scheduler, schedule_every: str, loaders: tuple, callbacks: Sequence[Callback],
    *, num_classes: int, epochs: int, accumulate: int, top_k: int | None,
    amp_dtype: torch.dtype | None, resume, change_processes: bool,
) -> tuple:  # fmt: skip
    """The state of a new run, or of the one that goes on; autocast; all callbacks, in order.

    The arguments are those of `fit`, whose errors it raises before anything is trained.
    """
    if accumulate < 1:
        raise ValueError(f"accumulate is {accumulate}; it must be at least 1")
    device, (train_loader, _) = next(model.parameters()).device, loaders
    check_labels(list(loaders), num_classes)
    check_memory_format(model, train_loader)
    state = TrainState(
        model,
        optimizer,
        scheduler,
        torch.amp.GradScaler(device.type, enabled=amp_dtype == torch.float16),
        train_loader,
        num_classes,
        epochs,
        steps_per_epoch=count_batches(train_loader),
        accumulate=accumulate,
        top_k=top_k,
        train_totals=Totals(num_classes, device),
    )
    if resume is not None:
        state.resume(resume, change_processes)
    mixed = {"dtype": amp_dtype or torch.bfloat16, "enabled": amp_dtype is not None}
    schedule = Schedule(scheduler, schedule_every)
    callbacks = [schedule, StopWhenNotFinite(), *callbacks, StopTogether()]
    return state, partial(torch.autocast, device.type, **mixed), callbacks


@contextmanager
def running(state: TrainState, callbacks: Sequence[Callback]) -> Iterator[None]:
    """Tell the callbacks of beginning and end; Ctrl-C ends the present step only."""
    with stop_on_interrupt(state), ExitStack() as ending:
        for callback in callbacks:
            callback.on_fit_start(state)
            ending.callback(callback.on_fit_end, state)
        try:
            yield
        except BaseException:
            state.healthy = False  # perhaps in the middle of a step
            raise
    if state.stop and state.epoch < state.epochs:
        steps = f" and {state.batch} steps" if state.batch else ""
        print(f"stopped: {state.stop}, after {state.epoch} epochs{steps}")


def remaining_batches(state: TrainState) -> Iterator:
    """The batches of a new epoch, or of a stopped one those that were not trained on yet."""
    sampler = getattr(state.loader, "sampler", None)
    getattr(sampler, "set_epoch", lambda epoch: None)(state.epoch)  # else each epoch has one order
    if state.batch == 0:
        state.train_totals.reset()
        state.epoch_random = random_state(state.loader)
        batches = iter(state.loader)
    else:  # draw the epoch again up to where it stopped
        now = random_state()
        set_random_state(state.epoch_random, state.loader)
        skips = hasattr(state.loader, "skip")  # without reading the images again
        if skips:
            state.loader.skip = state.batch
        batches = iter(state.loader)
        for _ in range(0 if skips else state.batch):
            next(batches, None)
        set_random_state(now)
    try:
        yield from batches
    except Exception:
        if state.stop or state.asked:  # a Ctrl-C in a terminal ends the data workers too
            state.stop = state.stop or state.asked
            return
        raise
    if state.batch != state.steps_per_epoch:
        raise ValueError(
            f"the training loader gave {state.batch} batches where its len() says "
            f"{state.steps_per_epoch}"
        )


def is_whole(state: TrainState) -> bool:
    """Whether an epoch was trained to its end, and its validation can begin.

    Else it was stopped on the way, and a checkpoint can take it up there.
    """
    stop_if_not_finite(state)
    if state.batch < state.steps_per_epoch or not state.healthy:
        return False
    state.val_totals = Totals(state.num_classes, next(state.model.parameters()).device, state.top_k)
    return True


def record_epoch(
    state: TrainState,
    train: dict[str, float],
    val: dict[str, float],
    timer: Timer,
    val_timer: Timer,
    callbacks: Sequence[Callback],
) -> None:
    """Add an epoch to the history and tell the callbacks; or stop for a loss that is not finite."""
    if not math.isfinite(val["loss"]):
        state.healthy = False
        state.stop = f"the validation loss is not finite after step {state.step}"
        return
    state.epoch += 1
    state.batch = 0
    cpu_seconds = all_reduce_sum(torch.tensor(timer.cpu_seconds, dtype=torch.float64))
    state.history.append(
        {
            "epoch": state.epoch,
            "step": state.step,
            **{f"train_{name}": value for name, value in train.items()},
            **{f"val_{name}": value for name, value in val.items()},
            "learning_rate": state.learning_rate,
            "seconds": timer.seconds,
            "cpu_seconds": cpu_seconds.item(),
            "waiting": timer.waiting,
            "val_seconds": val_timer.seconds,
        }
    )
    for callback in callbacks:
        callback.on_epoch_end(state)


class StopWhenNotFinite(Callback):
    """Ends a run whose loss became NaN or infinite; looks at the device every 25 steps only.

    Needed since the argmax of NaN is class 0, so that accuracies still look real.
    """

    def on_step(self, state: TrainState) -> None:
        if state.step % 25 == 0:
            stop_if_not_finite(state)


def stop_if_not_finite(state: TrainState) -> None:
    """Set ``state.stop``, naming the step, if a loss of this epoch was NaN or infinite."""
    if bad := state.train_totals.bad_batch():
        first = state.step - state.batch + bad
        state.healthy = False
        state.stop = f"the loss is not finite since step {first}; try a smaller learning rate"
