"""What an attack leaves between neighbouring pixels, counted: the marks by which one attack is told from another."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 17
"""Differences are told apart up to this many levels; a sign attack of 8/255 moves two pixels apart by 16."""

PERIODS = (4, 8, 16)
"""Twice the radius, in levels, of the sign attacks of 2, 4 and 8/255."""

N_TWISTS = 17
N_COHERENCES = 6
MIN_COHERENCE = 0.3

N_PAIRS = (REACH + 1) * (2 * REACH + 1)
N_TURNS = len(PERIODS) * N_COHERENCES * N_TWISTS
N_MARKS = N_PAIRS + N_TURNS

_LEVELS = 255
_USUAL_PIXELS = 224 * 224
_SIDE = 3
# Hands of clocks as whole numbers up to this: sums over a window and products of two sums stay below 2**24, where
# single precision is exact, so that torch and a compiled graph count alike.
_HAND = 128.0
# Hands of three clocks and "is black" are seven maps; a multiple of eight is what compiled convolutions are quick on.
_N_MAPS = 8


class Marks(nn.Module):
    """Counts of small differences between neighbouring pixels, and of pixels that are out of step with those around.

    Pairs: how often a difference to the next pixel is followed by which difference, along rows and columns. In black
    and flat regions these are the changes themselves.

    Turns: after a sign attack nearly every pixel was moved by the radius up or down, and these two are the same on a
    clock that goes round once in twice the radius. On it smooth anatomy stays smooth, and a pixel that was moved less
    stands out by just what it lacks: a multiple of a quarter of the radius for BIM, of a fifth for MIM, anything for
    PGD, nothing for FGSM. Counted is how far each pixel's hand is from the mean hand around it, by how well the hands
    around it agree. Windows that touch black are left out, since clipping breaks the clock.

    Only the middle channel is looked at. Images of more than 8 bits are rounded to 8.
    """

    clocks: Tensor
    window: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("clocks", _clocks(), persistent=False)
        self.register_buffer("window", torch.ones(_N_MAPS, 1, _SIDE, _SIDE), persistent=False)

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """Logarithms of the counts (N, N_MARKS), as if of 224x224 pixels.

        Args:
            pixels: (N, channels, H, W) in [0, 1].
        """
        levels = (pixels[:, self.channels // 2] * _LEVELS).round().clamp(0, _LEVELS)
        counts = torch.cat([self._pairs(levels), self._turns(levels)], 1)
        return torch.log1p(counts * (_USUAL_PIXELS / (pixels.shape[2] * pixels.shape[3])))

    def _pairs(self, levels: Tensor) -> Tensor:
        along_rows = levels[:, :, 1:] - levels[:, :, :-1]
        along_columns = levels[:, 1:] - levels[:, :-1]
        places = torch.cat(
            [
                _pair_place(along_rows[:, :, :-1], along_rows[:, :, 1:]).flatten(1),
                _pair_place(along_columns[:, :-1], along_columns[:, 1:]).flatten(1),
            ],
            1,
        )
        return _counted(places, N_PAIRS)

    def _turns(self, levels: Tensor) -> Tensor:
        hands = F.embedding(levels.long(), self.clocks).permute(0, 3, 1, 2)
        around = F.conv2d(hands, self.window, groups=_N_MAPS)
        edge, n = _SIDE // 2, len(PERIODS)
        own = hands[:, :, edge:-edge, edge:-edge]
        black = around[:, 2 * n : 2 * n + 1] > 0
        own_east, own_north = own[:, :n], own[:, n : 2 * n]
        east, north = around[:, :n] - own_east, around[:, n : 2 * n] - own_north
        length = (east * east + north * north).sqrt()
        along = (east * own_east + north * own_north) / (length * _HAND).clamp_min(1)
        return _turn_counts(length / ((_SIDE**2 - 1) * _HAND), along, black)


def _clocks() -> Tensor:
    """By level (256, 8): how far each clock's hand points east, and north, whether the level is black, and nothing."""
    level = torch.arange(_LEVELS + 1)
    maps = torch.zeros(_LEVELS + 1, _N_MAPS)
    for k, period in enumerate(PERIODS):
        angle = 2 * math.pi * (level % period) / period
        maps[:, k], maps[:, len(PERIODS) + k] = (_HAND * angle.cos()).round(), (_HAND * angle.sin()).round()
    maps[0, 2 * len(PERIODS)] = 1
    return maps


def _pair_place(first: Tensor, second: Tensor) -> Tensor:
    """Where a pair of differences is counted; a pair and its negative are one."""
    turned = torch.where(first < 0, -second, second).clamp(-REACH, REACH) + REACH
    return first.abs().clamp(max=REACH) * (2 * REACH + 1) + turned


def _turn_counts(agreement: Tensor, along: Tensor, black: Tensor) -> Tensor:
    """Counts (N, N_TURNS) by clock, by how well the hands around a pixel agree, and by how far its own is off.

    Args:
        agreement: (N, 3, h, w) in [0, 1], the length of the mean hand around each pixel.
        along: (N, 3, h, w), the cosine between a pixel's hand and that.
        black: (N, 1, h, w) bool, what is not counted.
    """
    # The sine of half the angle: nearly even in the angle, fine where it is small, and exact alike everywhere.
    twist = ((1 - along).clamp(0, 2) / 2).sqrt()
    column = (twist * (N_TWISTS - 1) + 0.5).floor().clamp(0, N_TWISTS - 1)
    row = ((agreement - MIN_COHERENCE) * (N_COHERENCES / (1 - MIN_COHERENCE))).floor().clamp(0, N_COHERENCES - 1)
    clock = torch.arange(len(PERIODS), dtype=along.dtype, device=along.device)[None, :, None, None] * (
        N_COHERENCES * N_TWISTS
    )
    place = clock + row * N_TWISTS + column
    left_out = black | (agreement < MIN_COHERENCE)
    return _counted(torch.where(left_out, torch.full_like(place, N_TURNS), place).flatten(1), N_TURNS + 1)[:, :N_TURNS]


def _counted(places: Tensor, n: int) -> Tensor:
    """How often each place below `n` occurs, (N, n), in whole-numbered `places` (N, M)."""
    counts = torch.zeros(places.shape[0], n, dtype=places.dtype, device=places.device)
    return counts.scatter_add(1, places.long(), torch.ones_like(places))
