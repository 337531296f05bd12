"""A classifier of small pictures, such as digits: every pixel counts, and an epoch takes seconds on a CPU."""

import torch
from torch import Tensor, nn

from pipeline.models.architecture import Architecture
from pipeline.models.spec import MIN_SIDES, ClassifierSpec

WIDTHS = (16, 32)
HIDDEN = 128
DROPOUT = 0.3
# Of a map of so many pixels a side the last layers are made, whatever comes in: a large image is averaged down to it.
SIDE = 7


class _MeanTo(nn.Module):
    """Means over a map's (N, C, H, W) parts, `side` by `side` of them: adaptive average pooling as two products.

    ONNX knows adaptive pooling only where the parts are equal; products it knows at every size.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (self._weights(int(n)).to(x) for n in x.shape[-2:])
        means: Tensor = rows @ x @ columns.T
        return means

    def _weights(self, n: int) -> Tensor:
        """The share (side, n) of each of n values in each part."""
        weights = torch.zeros(self.side, n)
        for part in range(self.side):
            start, end = part * n // self.side, -(-(part + 1) * n // self.side)
            weights[part, start:end] = 1 / (end - start)
        return weights


class SmallCNN(nn.Module):
    """Two 3x3 convolutions, each halved by its maxima, and two linear layers that know where things are.

    Other than a mean over the map, the linear layers tell a mark in a corner from one elsewhere.
    """

    def __init__(self, channels: int, n_outputs: int) -> None:
        super().__init__()
        first, second = WIDTHS
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, first, 3, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 3, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.hidden = nn.Sequential(_MeanTo(SIDE), nn.Flatten(), nn.Linear(SIDE * SIDE * second, HIDDEN), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(HIDDEN, n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, n_outputs) of normalised pixels (N, channels, H, W)."""
        outputs: Tensor = self.head(self.hidden(self.convolutions(x)))
        return outputs


def _build(spec: ClassifierSpec) -> nn.Module:
    return SmallCNN(spec.channels, spec.n_outputs)


SMALL_CNN = Architecture(
    name="SmallCNN",
    title="SmallCNN: ours, for pictures of a few dozen pixels",
    head_name="head",
    stage_names=("convolutions.2", "convolutions.6", "convolutions.7"),
    min_side=MIN_SIDES["SmallCNN"],
    # About those of white digits on black; batch normalisation takes the rest.
    mean=0.15,
    std=0.3,
    build=_build,
)
