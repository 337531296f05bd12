"""Scangate's own classifier: small, quick on a CPU, grey or RGB, of any size from 16 pixels."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from pipeline.models.architecture import Architecture
from pipeline.models.spec import MIN_SIDES, ClassifierSpec

# Chosen on held-out training scans: wide and early coarse beats narrow and fine at equal time,
# since the first layers at full size cost memory traffic rather than arithmetic.
WIDTHS = (32, 64, 128, 192)
DROPOUT = 0.3


class SequentialCNN(nn.Module):
    """Stem of step 4, three stages of step 2 with a residual convolution each, mean and maximum, one linear layer.

    At 224x224 the maps are 56, 28, 14 and 7 wide; a 16x16 image still has one pixel left. Maximum
    pooling sees a small lesion that the mean dilutes.
    """

    def __init__(self, channels: int, n_outputs: int, *, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(channels, widths[0], size=7, step=4)]
        for narrow, wide in pairwise(widths):
            layers += [_convolution(narrow, wide, size=3, step=2), Residual(wide)]
        self.stages = nn.Sequential(*layers)
        self.pool = MeanAndMaximum()
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(2 * widths[-1], n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, n_outputs) of normalised pixels (N, channels, H, W)."""
        outputs: Tensor = self.head(self.pool(self.stages(x)))
        return outputs


class Residual(nn.Module):
    """One 3x3 convolution added to its own input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = _convolution(width, width, size=3, step=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the same shape."""
        y: Tensor = self.branch(x)
        return x + y


class MeanAndMaximum(nn.Module):
    """Mean and maximum of each map, side by side: (N, C, H, W) to (N, 2 C)."""

    def forward(self, x: Tensor) -> Tensor:
        """The pooled vector."""
        return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)


def _convolution(narrow: int, wide: int, *, size: int, step: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(narrow, wide, size, stride=step, padding=size // 2, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
    )


def _build(spec: ClassifierSpec) -> nn.Module:
    return SequentialCNN(spec.channels, spec.n_outputs)


SEQUENTIAL_CNN = Architecture(
    name="SequentialCNN",
    title="SequentialCNN: ours, small and quick",
    head_name="head",
    stage_names=("stages.0", "stages.2", "stages.4"),
    min_side=MIN_SIDES["SequentialCNN"],
    # About those of brain MRI with its black surround; batch normalisation takes the rest.
    mean=0.2,
    std=0.2,
    build=_build,
)
