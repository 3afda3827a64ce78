"""The training loop, as the algorithm reads. Notebook 01, section 5, builds it by hand."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.engine.distributed import all_gather, micro_batches, synchronised
from course_utils.engine.epochs import begin, is_whole, record_epoch, remaining_batches, running
from course_utils.engine.explain import explained
from course_utils.engine.state import TrainState
from course_utils.training.callbacks import Callback
from course_utils.training.metrics import Totals, eval_mode
from course_utils.training.timing import Timer


def train_one_epoch(
    state: TrainState,
    loader: Iterable,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    device: torch.device,
    autocast: Callable[[], AbstractContextManager],
    callbacks: Sequence[Callback] = (),
) -> dict[str, float]:
    """Train on every batch of the loader once, or until ``state.stop``; returns loss, accuracy."""
    totals = state.train_totals
    state.model.train()
    for batch in loader:
        state.optimizer.zero_grad()
        for images, labels, share in micro_batches(state, *batch):  # one part, or several that fit
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
    classes = max(all_gather(totals.num_classes if totals else 1))  # a process may have no image
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
    device, loss_fn = next(model.parameters()).device, loss_fn or nn.CrossEntropyLoss()
    state, autocast, callbacks = begin(
        model, optimizer, scheduler, schedule_every, (train_loader, val_loader), callbacks,
        num_classes=num_classes, epochs=epochs, accumulate=accumulate, top_k=top_k,
        amp_dtype=amp_dtype, resume=resume, change_processes=change_processes,
    )  # fmt: skip
    with running(state, callbacks):
        while state.epoch < epochs and not state.stop:
            timer, val_timer = Timer(device), Timer(device)
            with explained(train_loader, num_classes), timer:
                batches = timer.batches(remaining_batches(state))
                train = train_one_epoch(state, batches, loss_fn, device, autocast, callbacks)
            if not is_whole(state):
                break
            with explained(val_loader, num_classes), val_timer:
                network = synchronised(state.model)
                val = evaluate(network, val_loader, None, device, autocast, state.val_totals)
            record_epoch(state, train, val, timer, val_timer, callbacks)
    return state.history
