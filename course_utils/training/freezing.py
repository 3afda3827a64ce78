"""Which part of a trained network learns again."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze(model: nn.Module, trained: str = "head") -> None:
    """Let only a part of a network learn: ``"all"``, ``"last_stage"`` or ``"head"``.

    The head is the last layer, ``fc``; the last stage is what stands before it, with the head:
    ``layer4`` of a ResNet-18, ``inception5b`` of GoogLeNet. All other parameters no longer ask for
    gradients, and their batch norms stay in eval mode whatever `train()` says: else their running
    statistics would drift away from those that the weights were learnt with. Raises ``ValueError``
    for another word, or a network without ``fc``.

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
            hooks = layer._forward_pre_hooks.values()
            if isinstance(layer, _BatchNorm) and _eval_if_frozen not in hooks:
                layer.register_forward_pre_hook(_eval_if_frozen)


def _eval_if_frozen(layer: nn.Module, inputs) -> None:
    if not any(parameter.requires_grad for parameter in layer.parameters()):
        layer.eval()
