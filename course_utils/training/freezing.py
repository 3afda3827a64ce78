"""Which part of a trained network learns again (notebook 04)."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from course_utils.engine.distributed import unwrapped
from course_utils.training.callbacks import Callback

STAGES = ("head", "last_stage", "all")
BODY = 0.1  # of the rate of the head, for what stands before it
FEW = 64  # images whose statistics are too random for what has learnt those of many


def freeze(model: nn.Module, trained: str = "head", keep_statistics: bool = False) -> None:
    """Let only a part of a network learn: ``"all"``, ``"last_stage"`` or ``"head"``.

    The head is the last layer, ``fc``; the last stage is what stands before it, with the head:
    ``layer4`` of a ResNet-18, ``inception5b`` of GoogLeNet. All other parameters no longer ask for
    gradients, and their batch norms stay in eval mode whatever `train()` says: else their running
    statistics would drift away from those that the weights were learnt with. With
    ``keep_statistics`` all batch norms do, also those that learn: in small batches their statistics
    would be random. Raises ``ValueError`` for another word, or a network without ``fc``.

    >>> from course_utils import create_model
    >>> model = create_model("cnn")
    >>> freeze(model, "head")
    >>> [name for name, p in model.named_parameters() if p.requires_grad]
    ['fc.weight', 'fc.bias']
    """
    parts = {n: p for n, p in model.named_children() if any(True for _ in p.parameters())}
    stages = [name for name in parts if name != "fc" and not name.startswith("aux")]
    if "fc" not in parts or not stages:
        raise ValueError(f"{type(model).__name__} has no last layer called fc")
    learning = {"all": list(parts), "last_stage": [stages[-1], "fc"], "head": ["fc"]}
    if trained not in learning:
        raise ValueError(f"trained is {trained!r}; it must be one of {', '.join(learning)}")
    for name, part in parts.items():
        part.requires_grad_(name in learning[trained])
        for layer in part.modules():
            if not isinstance(layer, _BatchNorm):
                continue
            layer.keep_statistics = keep_statistics
            if _eval_if_frozen not in layer._forward_pre_hooks.values():
                layer.register_forward_pre_hook(_eval_if_frozen)


def _eval_if_frozen(layer: nn.Module, inputs) -> None:
    frozen = not any(parameter.requires_grad for parameter in layer.parameters())
    if frozen or layer.keep_statistics:
        layer.eval()


class Stages(Callback):
    """Thaws a network: a third of the epochs its head learns, then its last stage too, then all.

    The optimiser must have all parameters from the beginning. ``keep_statistics``: see `freeze`.
    Howard & Ruder, *Universal Language Model Fine-tuning for Text Classification*, 2018, §3.3.
    """

    def __init__(self, keep_statistics: bool = False):
        self.keep_statistics, self.trained = keep_statistics, ""

    def on_fit_start(self, state) -> None:
        _begin_momentum(state.optimizer)
        trained = STAGES[min(3 * state.epoch // state.epochs, 2)]
        freeze(unwrapped(state.model), trained, self.keep_statistics)
        if trained != self.trained:
            print(f"epoch {state.epoch + 1}: {trained.replace('_', ' ')} learns")
        self.trained = trained

    def on_epoch_end(self, state) -> None:
        if state.epoch < state.epochs:
            self.on_fit_start(state)


def _begin_momentum(optimizer: Optimizer) -> None:
    """At zero, where there is none: fused SGD takes that of all parameters of a group, or none."""
    for group in optimizer.param_groups:
        for parameter in group["params"] if group.get("momentum") else ():
            optimizer.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))
