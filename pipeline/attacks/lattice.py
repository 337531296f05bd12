"""The levels a file can hold, inside the ball and the box."""

import torch
from torch import Tensor

from pipeline.attacks.budget import Norm

# float32 pixels are off by 6e-8 of their value: a radius of 8/255 is 8 whole levels and not 7.
_SLACK = 1e-6


def to_lattice(x_adv: Tensor, x: Tensor, *, eps: Tensor, levels_max: int, norm: Norm) -> Tensor:
    """The levels nearest to `x_adv` that lie in the ball round `x` and in the box, (N, C, H, W) int32.

    Under Linf with eps = k/255 and 8 bits the ball has whole levels for its sides and nothing
    is lost; an eps below one level leaves the image as it was. Under L2, where rounding leaves
    the ball, the pixels that gain least are rounded towards `x` instead until it is inside.

    Args:
        x_adv: (N, C, H, W) in the float ball and box.
        x: the clean pixels, on the lattice.
        eps: (N,) radius in pixel fractions, infinite for none.
        levels_max: 2**bits - 1.
        norm: what the radius measures.
    """
    base = (x.double() * levels_max).round()
    wanted = x_adv.double() * levels_max - base
    radius = (eps.double() * levels_max * (1 + _SLACK)).view(-1, 1, 1, 1)
    if norm is Norm.LINF:
        whole = torch.floor(radius)
        change = torch.clamp(wanted.round(), -whole, whole)
    else:
        change = _inside_l2(wanted, radius)
    return (base + change).clamp(0, levels_max).to(torch.int32)


def to_pixels(levels: Tensor, levels_max: int) -> Tensor:
    """Levels as float32 pixels in [0, 1], the same numbers that decoding the file gives."""
    return levels.to(torch.float32) / levels_max


def _inside_l2(wanted: Tensor, radius: Tensor) -> Tensor:
    """Whole changes near `wanted`, no longer than the radius."""
    nearest = wanted.round()
    excess = nearest.square().flatten(1).sum(1) - radius.view(-1).square()
    outside = excess > 0
    if outside.any():
        nearest[outside] = _rounded_inwards(wanted[outside], nearest[outside], excess[outside])
    return nearest


def _rounded_inwards(wanted: Tensor, nearest: Tensor, excess: Tensor) -> Tensor:
    """Turn the cheapest outward roundings inward, as many as take the excess away."""
    inward = wanted.trunc().flatten(1)
    outward = nearest.flatten(1)
    saved = outward.square() - inward.square()
    # The cost of a turn is the distance it adds; a pixel just above the half costs nearly nothing.
    cost = torch.where(saved > 0, (wanted.flatten(1) - inward).abs(), torch.inf)
    order = cost.argsort(dim=1, stable=True)
    before = saved.gather(1, order).cumsum(1) - saved.gather(1, order)
    turned = torch.zeros_like(outward, dtype=torch.bool).scatter_(1, order, before < excess[:, None])
    return torch.where(turned, inward, outward).view_as(nearest)
