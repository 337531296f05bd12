"""The shortest change in whole levels that a linear model of the margin still lets fool."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attacks.ascent import pieces
from pipeline.attacks.projections import TINY, per_image

# Bisections of the price, between powers of 2; the last one turns the price by 0.03 %.
N_BISECTIONS, LEAST_PRICE, MOST_PRICE = 16, -4.0, 20.0


@dataclass(frozen=True, eq=False)
class Ground:
    """Where changes may lie, in levels, (N, C, H, W): the box, and no room at all where a pixel is not free."""

    low: Tensor
    high: Tensor

    def part(self, rows: Tensor | slice) -> "Ground":
        """The ground of some of the images."""
        return Ground(self.low[rows], self.high[rows])


def cheapest(ground: Ground, change: Tensor, slope: Tensor, need: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """The shortest change within one level of the present one whose margin rises by `need`, as far as the slope tells.

    To minimise |c|^2 - p * slope . c over whole numbers takes each pixel to the one nearest
    to t = p * slope / 2, pixel by pixel. The price p of a logit is the lowest that raises
    the margin enough. A pixel gains the more the further it is from its t; those nearer than
    `reach` stay, which is half a level for the exact answer and more where the slope is not
    to be trusted so far.

    Args:
        ground: where changes may lie.
        change: (N, C, H, W) whole levels from the clean image.
        slope: (N, C, H, W) of the margin, by one level.
        need: (N,) by how much the margin must rise; below 0 it may fall.
        reach: (N,) at least 0.5.

    Returns:
        the change, and (N,) the mean distance of the pixels that it moves from their t.
    """
    parts = [
        _cheapest(ground.part(piece), *(of[piece] for of in (change, slope, need, reach))) for piece in pieces(change)
    ]
    moved, distance = zip(*parts, strict=True)
    return torch.cat(moved), torch.cat(distance)


def _cheapest(ground: Ground, change: Tensor, slope: Tensor, need: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    scale = slope.abs().amax((1, 2, 3)).clamp_min(TINY)
    unit, wanted = slope / per_image(scale), need / scale
    low, high = torch.full_like(need, LEAST_PRICE), torch.full_like(need, MOST_PRICE)
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        moved, _ = _at_price(ground, change, unit, middle.exp2(), reach)
        enough = (moved - change).mul_(unit).sum((1, 2, 3)) >= wanted
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    moved, distance = _at_price(ground, change, unit, high.exp2(), reach)
    is_moved = moved != change
    mean = (distance * is_moved).sum((1, 2, 3)) / is_moved.sum((1, 2, 3)).clamp_min(1)
    return moved, mean


def _at_price(ground: Ground, change: Tensor, unit: Tensor, price: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    way = unit * per_image(price / 2) - change
    distance = way.abs()
    moved = way.sign_().mul_(distance > per_image(reach)).add_(change)
    # A clamp between tensors takes ten times as long as these two.
    return torch.minimum(torch.maximum(moved, ground.low, out=moved), ground.high, out=moved), distance
