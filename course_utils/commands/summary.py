"""The layers of a network as a table."""

import torch
from torch import nn

from course_utils.training.metrics import eval_mode


def layer_summary(model: nn.Module, size: int) -> str:
    """Names, output shapes and parameters of the layers, and megabytes, for one image.

    ``size``: its side in pixels. The random generators are left as they are.
    """
    from torchinfo import summary

    told = {"col_names": ("output_size", "num_params"), "row_settings": ("var_names",), "depth": 4}
    with eval_mode(model):
        return str(summary(model, input_data=torch.zeros(1, 3, size, size), verbose=0, **told))
