"""A classifier's twin that computes in bfloat16: half the memory traffic, for directions that need not be exact."""

import copy

import torch
from torch import Tensor, nn

from pipeline.models.adapter import PixelModel


def lowered(model: PixelModel) -> PixelModel:
    """The same classifier with its network in bfloat16; pixels, normalisation and logits stay in single precision.

    The twin holds copies of the weights: changes to the model's do not reach it.
    """
    twin = copy.copy(model)
    twin._modules = {**model._modules, "network": _Lowered(model.network)}
    return twin


class _Lowered(nn.Module):
    """A copy of a network whose products are of bfloat16; what is summed over many values is not."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        for module in self.network.modules():
            # Converted once, since automatic casting would convert them again at each call.
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.to(torch.bfloat16)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs in single precision."""
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16):
            outputs: Tensor = self.network(inputs)
        return outputs.float()
