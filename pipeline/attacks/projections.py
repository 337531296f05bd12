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
    # Over three axes and not flattened, which would copy an image whose channels are last in memory.
    norm: Tensor = torch.linalg.vector_norm(delta, dim=tuple(range(1, delta.ndim)))
    return norm


def project_linf(x_adv: Tensor, x: Tensor, eps: Tensor) -> Tensor:
    """The nearest point of ball and box; exact, since both are boxes."""
    radius = per_image(eps)
    delta = x_adv - x
    # A clamp between tensors takes ten times as long as these two.
    torch.minimum(torch.maximum(delta, -radius, out=delta), radius, out=delta)
    return delta.add_(x).clamp_(0, 1)


def project_l2(x_adv: Tensor, x: Tensor, eps: Tensor) -> Tensor:
    """A point of ball and box: shrunk to the ball, then clipped, which only brings it nearer to x.

    The order is that of Madry et al. 2018 (arXiv:1706.06083); clipping first gives other points.
    """
    delta = x_adv - x
    shrink = (eps / l2_norm(delta).clamp_min(TINY)).clamp_max(1)
    return delta.mul_(per_image(shrink)).add_(x).clamp_(0, 1)


PROJECTIONS: dict[Norm, Projection] = {Norm.LINF: project_linf, Norm.L2: project_l2}
