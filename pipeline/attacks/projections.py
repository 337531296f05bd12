"""The nearest allowed pixels: the ball of radius eps round x, cut by the box [0, 1]."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.attacks.budget import Norm

Projection = Callable[[Tensor, Tensor, Tensor], Tensor]

# Keeps 0 / 0 from happening; far below any norm that a float32 image can have.
TINY = 1e-30


def per_image(values: Tensor) -> Tensor:
    """(N,) as (N, 1, 1, 1), to meet images."""
    return values.view(-1, 1, 1, 1)


def l2_norm(delta: Tensor) -> Tensor:
    """The L2 length of each image's change: (N,)."""
    norm: Tensor = torch.linalg.vector_norm(delta.flatten(1), dim=1)
    return norm


def project_linf(x_adv: Tensor, x: Tensor, eps: Tensor) -> Tensor:
    """The nearest point of ball and box; exact, since both are boxes."""
    radius = per_image(eps)
    return (x + torch.clamp(x_adv - x, -radius, radius)).clamp(0, 1)


def project_l2(x_adv: Tensor, x: Tensor, eps: Tensor) -> Tensor:
    """A point of ball and box: shrunk to the ball, then clipped, which only brings it nearer to x.

    The order is that of Madry et al. 2018 (arXiv:1706.06083); clipping first gives other points.
    """
    delta = x_adv - x
    shrink = (eps / l2_norm(delta).clamp_min(TINY)).clamp_max(1)
    return (x + delta * per_image(shrink)).clamp(0, 1)


PROJECTIONS: dict[Norm, Projection] = {Norm.LINF: project_linf, Norm.L2: project_l2}
