"""The training loop, as the algorithm reads."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.engine.distributed import (
    broadcast_buffers,
    gather,
    parts,
    sum_over_all,
    unwrapped,
)
from course_utils.engine.explain import check_labels, check_memory_format, count_batches, explained
from course_utils.engine.interrupts import StopTogether, stop_on_interrupt
from course_utils.engine.random_state import random_state, set_random_state
from course_utils.engine.state import TrainState
from course_utils.training.callbacks import Callback
from course_utils.training.metrics import Totals, eval_mode
from course_utils.training.optim import Schedule
from course_utils.training.timing import Timer


def train_one_epoch(
    state: TrainState,
    loader: Iterable,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    device: torch.device,
    autocast: Callable[[], AbstractContextManager],
    totals: Totals,
    callbacks: Sequence[Callback] = (),
) -> dict[str, float]:
    """Train on every batch of the loader once, or until ``state.stop``; returns loss, accuracy."""
    state.model.train()
    for batch in loader:
        state.optimizer.zero_grad()
        for images, labels, share in parts(state, *batch):  # one part, or several that fit
            images, labels = images.to(device), labels.to(device)
            with autocast():
                logits = state.model(images)  # (N, 3, H, W) → (N, C)
                loss = loss_fn(logits, labels)
            state.scaler.scale(loss * share).backward()
            totals.add(loss, logits, labels)
        totals.end_batch()
        state.scaler.unscale_(state.optimizer)
        state.scaler.step(state.optimizer)
        state.scaler.update()

        state.last_loss = loss.detach()
        state.learning_rate = float(state.optimizer.param_groups[0]["lr"])
        state.step += 1
        state.batch += 1
        for callback in callbacks:
            callback.on_step(state)
        if state.stop:
            break
    return totals.join().compute()


@torch.no_grad()
def evaluate(
    model: nn.Module,
    loader: Iterable,
    loss_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager] = nullcontext,
    totals: Totals | None = None,
) -> dict[str, float]:
    """Mean loss in nats per image and accuracy 0 to 1 over every image of the loader.

    ``loss_fn``: default plain cross-entropy. The model is put in eval mode and left in the mode it
    was in. Raises ``ValueError`` for a loader without images.
    """
    loss_fn = loss_fn or nn.CrossEntropyLoss()
    with eval_mode(model):
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            with autocast():
                logits = model(images)  # (N, C)
                loss = loss_fn(logits, labels)
            totals = totals or Totals(logits.shape[1], device)
            totals.add(loss, logits, labels)
    classes = max(gather(totals.num_classes if totals else 1))  # a process may have no image
    result = (totals or Totals(classes, device)).join().compute()
    if math.isnan(result["accuracy"]):
        raise ValueError("there was no image to evaluate on: the loader is empty")
    return result


def fit(
    model: nn.Module,
    train_loader: Iterable,
    val_loader: Iterable,
    optimizer: Optimizer,
    *,
    epochs: int,
    num_classes: int,
    loss_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
    scheduler=None,
    schedule_every: str = "epoch",
    amp_dtype: torch.dtype | None = None,
    accumulate: int = 1,
    top_k: int | None = None,
    callbacks: Sequence[Callback] = (),
    resume=None,
    change_processes: bool = False,
) -> list[dict]:
    """Train, evaluate after every epoch, and return one dictionary an epoch.

    Its keys: ``epoch, step, train_loss, train_accuracy, val_loss, val_accuracy, learning_rate,
    seconds, cpu_seconds, waiting, val_seconds``, and with ``top_k=5`` also ``val_top5``. Losses in
    nats per image, accuracies 0 to 1, the learning rate of the epoch's last step, times of the
    training without the validation in seconds (waiting: for data). ``loss_fn`` is for training
    (default: cross-entropy); the validation loss is plain cross-entropy, so that runs with and
    without label smoothing compare.

    ``scheduler`` is stepped every ``"epoch"`` or every ``"step"``. ``amp_dtype`` turns mixed
    precision on (bfloat16 or float16). ``accumulate`` takes every batch in so many parts, for which
    the memory suffices, and adds up their gradients. ``resume`` is a checkpoint or a run's folder;
    going on gives the same weights as never having stopped (but for PyTorch's own DataLoader with
    persistent workers that draw random numbers). Ctrl-C, the stop button or a callback that sets
    ``state.stop`` end it after the present step, and the history so far is returned.

    Several processes train one model where each calls this with its `replicate` of the model and
    its part of the loaders' images; sums and history are then those of all. After a whole epoch a
    run may go on with another number of them, with ``change_processes``.

    Raises ``ValueError`` for loaders, labels, logits, or a checkpoint that do not fit, and
    ``MemoryError`` with a batch size to try.
    """
    loss_fn = loss_fn or nn.CrossEntropyLoss()
    if accumulate < 1:
        raise ValueError(f"accumulate is {accumulate}; it must be at least 1")
    device = next(model.parameters()).device
    check_labels([train_loader, val_loader], num_classes)
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
    autocast = partial(torch.autocast, device.type, **mixed)
    schedule = Schedule(scheduler, schedule_every)
    callbacks = [schedule, StopWhenNotFinite(), *callbacks, StopTogether()]

    with stop_on_interrupt(state), ExitStack() as ending:
        for callback in callbacks:
            callback.on_fit_start(state)
            ending.callback(callback.on_fit_end, state)
        try:
            while state.epoch < epochs and not state.stop:
                _one_epoch(state, val_loader, loss_fn, device, autocast, callbacks)
        except BaseException:
            state.healthy = False  # perhaps in the middle of a step
            raise
    if state.stop and state.epoch < epochs:
        steps = f" and {state.batch} steps" if state.batch else ""
        print(f"stopped: {state.stop}, after {state.epoch} epochs{steps}")
    return state.history


def _one_epoch(state, val_loader, loss_fn, device, autocast, callbacks) -> None:
    """Train for one epoch, or for what is left of it, evaluate, and add to the history."""
    timer = Timer(device)
    with explained(state.loader, state.num_classes), timer:
        train = train_one_epoch(
            state, timer.batches(_batches(state)), loss_fn, device, autocast,
            state.train_totals, callbacks,
        )  # fmt: skip
    stop_if_not_finite(state)
    if state.batch < state.steps_per_epoch or not state.healthy:
        return  # stopped on the way: a checkpoint can take it up here
    state.val_totals = Totals(state.num_classes, device, state.top_k)
    broadcast_buffers(state.model)
    val_timer = Timer(device)
    with explained(val_loader, state.num_classes), val_timer:
        # the network itself: its copies would wait for one another at every batch
        network = unwrapped(state.model)
        val = evaluate(network, val_loader, None, device, autocast, state.val_totals)
    if not math.isfinite(val["loss"]):
        state.healthy = False
        state.stop = f"the validation loss is not finite after step {state.step}"
        return
    state.epoch += 1
    state.batch = 0
    cpu_seconds = sum_over_all(torch.tensor(timer.cpu_seconds, dtype=torch.float64))
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


def _batches(state: TrainState) -> Iterator:
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
