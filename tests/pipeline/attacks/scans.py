"""Scans of a size that no classifier takes, and a classifier that has learnt them at its own size."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from datasets.image import to_unit
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import spec_of

HEIGHT, WIDTH = 512, 430
N_CLASSES = 3
N_STEPS = 120


def scans(
    n: int, bits: int = 8, channels: int = 1, *, size: tuple[int, int] = (HEIGHT, WIDTH), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Levels (n, H, W, channels) of smooth heads on black with a faint spot where the class says, and classes."""
    rng = np.random.default_rng(seed)
    down, across = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]), indexing="ij")
    y = np.arange(n) % N_CLASSES
    drawn = np.zeros((n, *size, channels))
    for image, label in zip(drawn, y.tolist(), strict=True):
        head = ((down / 0.9) ** 2 + (across / 0.8) ** 2 < 1).astype(float)
        waves = sum(rng.normal() * np.cos(k * np.pi * down + rng.normal()) * np.cos(k * across) for k in range(1, 3))
        angle = 2 * np.pi * label / N_CLASSES + 0.2 * rng.normal()
        spot = np.exp(-((down - 0.45 * np.sin(angle)) ** 2 + (across - 0.45 * np.cos(angle)) ** 2) / 0.02)
        grey = head * (0.4 + 0.02 * waves + 0.08 * spot)
        image[...] = grey[..., None] * np.linspace(1, 0.8, channels)
    noisy = drawn + (drawn > 0) * rng.normal(scale=0.01, size=drawn.shape)
    levels = np.rint(noisy.clip(0, 1) * ((1 << bits) - 1))
    return levels.astype(np.uint8 if bits == 8 else np.uint16), y


class _Layers(nn.Sequential):
    def __init__(self, channels: int, shrink: int) -> None:
        super().__init__()
        self.add_module("shrink", nn.AvgPool2d(shrink))
        self.add_module("first", nn.Conv2d(channels, 8, 5, stride=2, padding=2))
        self.add_module("bend", nn.SiLU())
        self.add_module("second", nn.Conv2d(8, 12, 5, stride=2, padding=2))
        self.add_module("bend2", nn.SiLU())
        self.add_module("pool", nn.AdaptiveAvgPool2d(4))
        self.add_module("flat", nn.Flatten())
        self.add_module("head", nn.Linear(12 * 16, N_CLASSES))


@lru_cache
def scan_model(channels: int = 1, *, size: int = 64) -> PixelModel:
    """A classifier of square pictures that has learnt such scans, grey and coloured; made once, not to be changed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        spec = spec_of(N_CLASSES, channels=channels, size=(size, size))
        model = PixelModel(spec, _Layers(channels, max(1, size // 56)))
        drawn = [scans(24, channels=n, size=(size, size), seed=n) for n in (1, 3)]
        x = torch.cat([model.pixels(torch.from_numpy(to_unit(levels, 8)).permute(0, 3, 1, 2)) for levels, _ in drawn])
        y = torch.from_numpy(np.concatenate([y for _, y in drawn]))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
        for _ in range(N_STEPS):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        optimizer.zero_grad()
    return model.eval()
