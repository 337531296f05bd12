"""Small changes that leave a scan's class as it is."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.training.settings import Augmentation


def augment(x: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """The images, each changed in its own way, within [0, 1].

    Args:
        x: (N, C, H, W) in [0, 1], on any device.
        how: the bounds.
        generator: on the CPU, so that the same seed changes images alike on every device.
    """
    n = len(x)

    def drawn(bound: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * bound

    angle = drawn(math.radians(how.rotation))
    zoom = 1 + drawn(how.scale)
    mirror = torch.where(torch.rand(n, generator=generator) < how.flip, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = angle.cos() * zoom * mirror
    theta[:, 0, 1] = -angle.sin() * zoom
    theta[:, 1, 0] = angle.sin() * zoom * mirror
    theta[:, 1, 1] = angle.cos() * zoom
    # grid_sample's coordinates run from -1 to 1: a share of the side is twice that.
    theta[:, 0, 2] = drawn(2 * how.shift)
    theta[:, 1, 2] = drawn(2 * how.shift)
    contrast = (1 + drawn(how.contrast)).view(n, 1, 1, 1).to(x.device)
    brightness = drawn(how.brightness).view(n, 1, 1, 1).to(x.device)
    grid = F.affine_grid(theta.to(x.device), list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, align_corners=False)
    return (moved * contrast + brightness).clamp(0, 1)
