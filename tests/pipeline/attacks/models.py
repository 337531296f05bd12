"""Small real classifiers for attacks to meet."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.adapter import PixelModel
from pipeline.models.spec import ClassifierSpec, Head


def spec_of(
    n_classes: int, *, channels: int = 1, size: tuple[int, int] = (8, 8), head: Head = "logits"
) -> ClassifierSpec:
    return ClassifierSpec(
        architecture="of the tests",
        channels=channels,
        height=size[0],
        width=size[1],
        classes=tuple("abcdefgh"[:n_classes]),
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        head=head,
    )


def linear_model(
    n_classes: int = 3,
    *,
    channels: int = 1,
    size: tuple[int, int] = (8, 8),
    head: Head = "logits",
    scale: float = 1.0,
    shift: float = 0.0,
    seed: int = 0,
) -> PixelModel:
    """Logits that are linear in the pixels, so that every attack has an answer known beforehand."""
    spec = spec_of(n_classes, channels=channels, size=size, head=head)
    network = nn.Sequential()
    network.add_module("flat", nn.Flatten())
    linear = nn.Linear(channels * size[0] * size[1], spec.n_outputs)
    with torch.no_grad():
        source = torch.Generator().manual_seed(seed)
        linear.weight.copy_(scale * torch.randn(linear.weight.shape, generator=source) / 8)
        # Grey images lie between the classes.
        linear.bias.copy_(shift + 0 * linear.bias)
    network.add_module("head", linear)
    return PixelModel(spec, network)


class _Layers(nn.Sequential):
    def __init__(self, n_outputs: int, channels: int) -> None:
        super().__init__()
        self.add_module("first", nn.Conv2d(channels, 8, 3, padding=1))
        self.add_module("norm", nn.BatchNorm2d(8))
        self.add_module("bend", nn.ReLU())
        self.add_module("drop", nn.Dropout(0.3))
        self.add_module("pool", nn.AdaptiveAvgPool2d(2))
        self.add_module("flat", nn.Flatten())
        self.add_module("head", nn.Linear(32, n_outputs))


def trained_model(n_classes: int = 3, *, channels: int = 1, n_steps: int = 60) -> tuple[PixelModel, Tensor, Tensor]:
    """A small convolutional classifier of `n_classes` kinds of pattern, and images (48, C, 8, 8) that it learnt.

    It is left in training mode, with a frozen part and gradients of its own, as an attack may find it.
    """
    with torch.random.fork_rng():
        torch.manual_seed(3)
        x, y = patterns(48, n_classes, channels)
        model = PixelModel(spec_of(n_classes, channels=channels), _Layers(n_classes, channels))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(n_steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.network[1].eval()
        next(model.parameters()).requires_grad_(False)
    return model, x, y


def patterns(n: int, n_classes: int, channels: int = 1) -> tuple[Tensor, Tensor]:
    """Images (n, C, 8, 8) on the 8-bit lattice: noise with a black rim, a little brighter where the class says."""
    source = torch.Generator().manual_seed(n)
    y = torch.arange(n) % n_classes
    x = torch.zeros(n, channels, 8, 8)
    x[:, :, 1:7, 1:7] = 0.3 + 0.2 * torch.rand(n, channels, 6, 6, generator=source)
    for i, label in enumerate(y.tolist()):
        row, column = 1 + 3 * (label // 2), 1 + 3 * (label % 2)
        x[i, :, row : row + 3, column : column + 3] += 0.08
    return (x * 255).round() / 255, y
