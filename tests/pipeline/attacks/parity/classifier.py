"""The classifier that all libraries attack here, and its images."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.adapter import PixelModel
from pipeline.models.spec import ClassifierSpec

SIZE = 64
CLASSES = ("glioma", "meningioma", "none", "pituitary")
N_TRAIN, N_TEST = 384, 72
N_EPOCHS = 10


class Layers(nn.Sequential):
    """Convolutions with batch normalisation and dropout."""

    def __init__(self, n_outputs: int = len(CLASSES)) -> None:
        super().__init__()
        self.add_module("conv_1", nn.Conv2d(1, 16, 3, stride=2, padding=1))
        self.add_module("norm_1", nn.BatchNorm2d(16))
        self.add_module("bend_1", nn.ReLU())
        self.add_module("conv_2", nn.Conv2d(16, 32, 3, stride=2, padding=1))
        self.add_module("norm_2", nn.BatchNorm2d(32))
        self.add_module("bend_2", nn.ReLU())
        self.add_module("conv_3", nn.Conv2d(32, 32, 3, stride=2, padding=1))
        self.add_module("norm_3", nn.BatchNorm2d(32))
        self.add_module("bend_3", nn.ReLU())
        self.add_module("pool", nn.AdaptiveAvgPool2d(4))
        self.add_module("flat", nn.Flatten())
        self.add_module("drop", nn.Dropout(0.3))
        self.add_module("head", nn.Linear(32 * 16, n_outputs))


class InOneLayout(nn.Module):
    """The model as peers get it: whatever they hand over is computed in our memory layout.

    Convolutions of another layout add in another order, and the sign of a gradient of almost
    0 may turn. Parity is about attacks, so the layout is the same for all.
    """

    def __init__(self, model: PixelModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x.contiguous(memory_format=torch.channels_last))
        return logits


@dataclass(frozen=True, eq=False)
class Bench:
    """One trained classifier and the test images that it has right."""

    model: PixelModel
    peers_model: nn.Module
    x: Tensor  # (N, 1, 64, 64)
    y: Tensor
    clean_accuracy: float
    x_all: Tensor  # with those that it has wrong
    y_all: Tensor

    def first(self, n: int) -> tuple[Tensor, Tensor]:
        """Some images; fewer where all would take too long."""
        return self.x[:n], self.y[:n]


def spec_of(size: int = SIZE) -> ClassifierSpec:
    return ClassifierSpec(
        architecture="of the parity suite",
        channels=1,
        height=size,
        width=size,
        classes=CLASSES,
        mean=(0.2,),
        std=(0.25,),
        head="logits",
    )


def trained_bench(seed: int = 0) -> Bench:
    """Train on one thread from a fixed seed: a few seconds, the same weights each time on one machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = PixelModel(spec_of(), Layers()).to(memory_format=torch.channels_last)
        x, y = scans(N_TRAIN, seed=seed + 1)
        optimizer = torch.optim.Adam(model.parameters())
        for epoch in range(N_EPOCHS):
            optimizer.param_groups[0]["lr"] = 4e-3 * (1 - epoch / N_EPOCHS)
            for rows in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                F.cross_entropy(model(x[rows]), y[rows]).backward()
                optimizer.step()
    model.zero_grad()
    model.eval().requires_grad_(False)
    x, y = scans(N_TEST, seed=1000)
    with torch.no_grad():
        right = model(x).argmax(1) == y
    # Evaluation mode of the wrapper too: torchattacks puts all parts into whatever mode it found at the top.
    return Bench(model, InOneLayout(model).eval(), x[right], y[right], float(right.float().mean()), x, y)


def scans(n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Images (n, 1, 64, 64) on the 8-bit lattice: a textured head on exact black, a lesion where the class says."""
    source = torch.Generator().manual_seed(seed)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=source)

    y = torch.arange(n) % len(CLASSES)
    axis = torch.linspace(-1, 1, SIZE)
    down, across = axis.view(1, -1, 1), axis.view(1, 1, -1)
    height, width = draw(0.72, 0.82, n, 1, 1), draw(0.58, 0.68, n, 1, 1)
    head = ((down / height) ** 2 + (across / width) ** 2 < 1).float()
    field = 1 + draw(-0.2, 0.2, n, 1, 1) * down + draw(-0.2, 0.2, n, 1, 1) * across
    coarse = F.interpolate(draw(-0.04, 0.04, n, 1, 12, 12), SIZE, mode="bicubic").squeeze(1)
    tissue = (0.4 + coarse) * field
    # Where the kinds of lesion lie, and how bright they are; class 2 has none.
    places = torch.tensor([[-0.3, 0.3], [0.35, -0.25], [0.0, 0.0], [0.3, 0.25]])[y]
    spot_y = places[:, 0].view(-1, 1, 1) + draw(-0.1, 0.1, n, 1, 1)
    spot_x = places[:, 1].view(-1, 1, 1) + draw(-0.1, 0.1, n, 1, 1)
    spread = draw(0.1, 0.16, n, 1, 1)
    bright = draw(0.1, 0.2, n, 1, 1) * (y != 2).view(-1, 1, 1)
    lesion = bright * torch.exp(-((down - spot_y) ** 2 + (across - spot_x) ** 2) / (2 * spread**2))
    grey = head * (tissue + lesion + 0.01 * torch.randn(n, SIZE, SIZE, generator=source)).clamp(0.02, 1)
    return (grey[:, None] * 255).round() / 255, y
