"""Small helpers around PyTorch's optimisers and schedulers (notebook 03)."""

import math

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau, StepLR

from course_utils.training.callbacks import Callback

EVERY_EPOCH = ("plateau", "step")  # the schedules that are stepped every epoch


def make_optimizer(
    model: nn.Module,
    name: str,
    learning_rate: float,
    weight_decay: float = 0.0,
    momentum: float = 0.9,
    nesterov: bool = True,
    decay: str = "kernels",
    body: float = 1.0,
) -> Optimizer:
    """``"adamw"`` or ``"adam"``, which are the same here, or ``"sgd"`` with (Nesterov) momentum.

    For all parameters that train. Kernels and matrices decay; batch norms and biases do only with
    ``decay="all"`` (without: Goyal et al., *Accurate, Large Minibatch SGD*, 2017, §5.1). Adam's
    decay is decoupled (Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2019).
    ``body`` is the share of the learning rate that all but the last layer ``fc`` get. Raises
    ``ValueError`` for another name.
    """
    if decay not in ("kernels", "all"):
        raise ValueError(f"decay is {decay!r}; it must be 'kernels' or 'all'")
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    head = [p for name, p in trained.items() if body == 1 or name.startswith("fc.")]
    rest = [p for name, p in trained.items() if body != 1 and not name.startswith("fc.")]
    thin = weight_decay if decay == "all" else 0.0
    groups = []
    for some, rate in ((head, learning_rate), (rest, body * learning_rate)):
        thick, others = ([p for p in some if (p.ndim > 1) == wide] for wide in (True, False))
        groups.append({"params": thick, "lr": rate, "weight_decay": weight_decay})
        groups.append({"params": others, "lr": rate, "weight_decay": thin})
    groups = groups if rest else groups[:2]
    if name in ("adam", "adamw"):
        return AdamW(groups, lr=learning_rate, fused=True)
    if name == "sgd":
        nesterov = nesterov and momentum > 0  # torch refuses to look ahead where nothing moves
        return SGD(groups, lr=learning_rate, momentum=momentum, nesterov=nesterov, fused=True)
    raise ValueError(f"optimizer is {name!r}; it must be 'adam', 'adamw' or 'sgd'")


def make_scheduler(
    optimizer: Optimizer,
    schedule: str,
    steps: int,
    warm_up: float = 0.0,
    step_epochs: int = 7,
    step_factor: float = 0.1,
) -> LRScheduler | ReduceLROnPlateau | None:
    """How the learning rate changes: ``constant``, ``linear``, ``cosine``, ``plateau``, ``step``.

    In the first share ``warm_up`` of ``steps`` it grows to the optimiser's, then it stays, or falls
    to zero in a line or in half a cosine. ``plateau`` halves it after more than 5 epochs in which
    the validation loss has not fallen, down to a hundredth; ``step`` multiplies it by
    ``step_factor`` every ``step_epochs`` epochs. Step these two every epoch, the others every step,
    see `schedule_every`. Returns None where nothing changes. Raises ``ValueError`` for what cannot
    be.

    Warm-up: Goyal et al., *Accurate, Large Minibatch SGD*, 2017, §2.2. Cosine: Loshchilov & Hutter,
    *SGDR*, 2017, §3.
    """
    falls = {
        "constant": lambda done: 1.0,
        "linear": lambda done: 1.0 - done,
        "cosine": lambda done: (1.0 + math.cos(math.pi * done)) / 2,
    }
    if schedule in EVERY_EPOCH and warm_up:
        raise ValueError(
            f"schedule {schedule!r} has no warm_up: set warm_up to 0, or choose linear or cosine"
        )
    if schedule == "step":
        return StepLR(optimizer, step_size=step_epochs, gamma=step_factor)
    if schedule == "plateau":
        floor = [group["lr"] / 100 for group in optimizer.param_groups]
        return ReduceLROnPlateau(optimizer, factor=0.5, patience=5, min_lr=floor)
    if schedule not in falls:
        names = f"{', '.join(falls)}, plateau or step"
        raise ValueError(f"schedule is {schedule!r}; it must be {names}")
    if not 0 <= warm_up < 1:
        raise ValueError(f"warm_up is {warm_up}; it is a share of the steps, from 0 to below 1")
    if schedule == "constant" and not warm_up:
        return None
    warm = warm_up * steps

    def factor(step: int) -> float:  # of the step about to be taken, counted from 0
        if step < warm:
            return (step + 1) / (warm + 1)
        return falls[schedule](min(1.0, (step - warm) / (steps - warm)))

    return LambdaLR(optimizer, factor)


def schedule_every(schedule: str) -> str:
    """Whether this schedule is stepped every ``"epoch"`` or every ``"step"``."""
    return "epoch" if schedule in EVERY_EPOCH else "step"


def clip_gradients(optimizer: Optimizer, max_norm: float) -> None:
    """Scale the gradients down to a joint norm of ``max_norm`` before every step from now on.

    Pascanu, Mikolov, Bengio, *On the difficulty of training recurrent neural networks*, 2013, §3.2.
    """

    def clip(optimizer: Optimizer, args, kwargs) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, max_norm)

    optimizer.register_step_pre_hook(clip)


class Schedule(Callback):
    """Steps a learning-rate scheduler after every ``"step"`` or every ``"epoch"``.

    ReduceLROnPlateau looks at the validation loss, so it can only be stepped every epoch.
    """

    def __init__(self, scheduler: LRScheduler | None, every: str = "epoch"):
        if every not in ("step", "epoch"):
            raise ValueError(f"schedule_every is {every!r}; it must be 'step' or 'epoch'")
        if every == "step" and isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError("ReduceLROnPlateau needs the validation loss: schedule_every='epoch'")
        self.scheduler, self.every = scheduler, every

    def on_step(self, state) -> None:
        if self.scheduler is not None and self.every == "step":
            self.scheduler.step()

    def on_epoch_end(self, state) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(state.history[-1]["val_loss"])
        elif self.scheduler is not None and self.every == "epoch":
            self.scheduler.step()
