"""What all contestants attack: a classifier that has learnt something, and images that it has right."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.adapter import PixelModel
from pipeline.models.registry import architecture, build_model, default_spec

CLASSES = ("glioma", "meningioma", "none", "pituitary")
SIZE = 224
MODELS = ("SequentialCNN", "resnet18")
_N_FITTED, _BATCH = 96, 16
# A classifier as sure as a trained one, and not so sure that its cross entropy has no slope left.
_SURE, _RIDGE = 6.0, 1e-2


@dataclass(frozen=True, eq=False)
class Subject:
    """A classifier and the batch to attack."""

    model: PixelModel
    x: Tensor  # (N, C, SIZE, SIZE) on the 8-bit lattice
    y: Tensor


def prepare(name: str, channels: int, folder: Path) -> Path:
    """The weights of a classifier, made once: random features, normalised on images, under a fitted last layer.

    A gradient costs the same whatever the weights are; these give attacks something to fool in seconds of work.
    """
    path = folder / f"{name}-{channels}.pt"
    if not path.exists():
        model = _fresh(name, channels)
        _fit(model, *scans(_N_FITTED, channels, seed=1))
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        torch.save(model.state_dict(), unfinished)
        unfinished.rename(path)
    return path


def subject(name: str, channels: int, n: int, folder: Path, *, seed: int = 2, device: str = "cpu") -> Subject:
    """The classifier of `prepare`, as a user hands it to a library, and n images with the classes it gives them."""
    model = _fresh(name, channels)
    model.load_state_dict(torch.load(prepare(name, channels, folder), weights_only=True))
    model.eval()
    x, _ = scans(n, channels, seed=seed)
    with torch.no_grad():
        y = torch.cat([model(part).argmax(1) for part in torch.split(x, _BATCH)])
    return Subject(model.to(device), x.to(device), y.to(device))


def scans(n: int, channels: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Images (n, channels, SIZE, SIZE): a head on exact black, with a bright spot where the class says."""
    source = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % len(CLASSES)
    axis = torch.linspace(-1, 1, SIZE)
    down, across = axis.view(1, -1, 1), axis.view(1, 1, -1)
    head = ((down / 0.8) ** 2 + (across / 0.65) ** 2 < 1).float()
    coarse = F.interpolate(torch.rand(n, 1, 12, 12, generator=source), SIZE, mode="bicubic").squeeze(1)
    place = torch.tensor([[-0.4, -0.3], [0.4, 0.3], [0.0, 0.0], [0.35, -0.3]])[y]
    place = place + 0.1 * torch.rand(n, 2, generator=source)
    away = (down - place[:, 0].view(-1, 1, 1)) ** 2 + (across - place[:, 1].view(-1, 1, 1)) ** 2
    spot = 0.3 * torch.exp(-away / 0.03) * (y != CLASSES.index("none")).view(-1, 1, 1)
    noise = 0.02 * torch.randn(n, SIZE, SIZE, generator=source)
    grey = head * (0.3 + 0.15 * coarse + spot + noise).clamp(0.02, 1)
    x = ((grey[:, None] * 255).round() / 255).expand(-1, channels, -1, -1).contiguous()
    return x, y


def _fresh(name: str, channels: int) -> PixelModel:
    return build_model(default_spec(name, classes=CLASSES, channels=channels, height=SIZE, width=SIZE))


@torch.no_grad()
def _fit(model: PixelModel, x: Tensor, y: Tensor) -> None:
    """Normalise every layer on the images, then fit the last one by least squares."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # The plain mean of all batches.
    model.train()
    for part in torch.split(x, _BATCH):
        model(part)
    model.eval()
    features = torch.cat([model.features_and_logits(model.pixels(part))[0] for part in torch.split(x, _BATCH)]).double()
    mean, spread = features.mean(0), features.std(0) + 1e-6
    scaled = (features - mean) / spread
    wanted = _SURE * F.one_hot(y, len(CLASSES)).double()
    inner = scaled @ scaled.T + _RIDGE * len(x) * torch.eye(len(x), dtype=torch.float64)
    weight = (scaled.T @ torch.linalg.solve(inner, wanted - wanted.mean(0))).T / spread
    head = model.network.get_submodule(architecture(model.spec.architecture).head_name)
    last = [module for module in head.modules() if isinstance(module, nn.Linear)][-1]
    last.weight.copy_(weight)
    last.bias.copy_(wanted.mean(0) - weight @ mean)
