"""A model of tiny images whose steepest way is known beforehand."""

import torch
from torch import Tensor, nn

from pipeline.models.adapter import PixelModel
from pipeline.models.spec import ClassifierSpec


def model_of(*layers: nn.Module) -> PixelModel:
    """Two classes of 8x8 grey images; linear where no layers are given."""
    spec = ClassifierSpec(
        architecture="test", channels=1, height=8, width=8, classes=("a", "b"), mean=(0.0,), std=(1.0,), head="logits"
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PixelModel(spec, nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 2)))


def slope(model: PixelModel, y: Tensor) -> Tensor:
    """How a linear model's margin of the other class over the own one grows with each pixel: (N, 1, 8, 8)."""
    weights = model.network[-1].weight.detach()
    return torch.stack([(weights[1 - label] - weights[label]).view(1, 8, 8) for label in y])
