"""Small helpers around PyTorch's optimisers and schedulers."""

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from course_utils.training.callbacks import Callback


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
