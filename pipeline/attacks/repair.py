"""Smallest-change attacks on the file's lattice: won back after rounding, then made smaller in whole levels."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.attacks.attack import Attack
from pipeline.attacks.lattice import to_lattice, to_pixels
from pipeline.attacks.lattice_moves import Ground, cheapest
from pipeline.attacks.problem import Problem

# A win on the file by less than this share of the largest logit could be lost to another machine's arithmetic.
SURE_SHARE = 1e-4
# Rounds at most; each calls the model once, forward and backward.
N_ROUNDS = 24
# An image whose next round promises to save less than this of the squared length is done.
LEAST_SAVING = 0.005
# The reach of the exact answer, see `cheapest`.
HALF_A_LEVEL = 0.5


def on_lattice(problem: Problem, attack: Attack, x_adv: Tensor, won: Tensor, levels_max: int) -> Tensor:
    """The levels of an attack's result, (N, C, H, W) int32.

    An attack with a radius is rounded inside it, and that is all, and so is one of another
    library, whose find would else become ours. One of ours that looks for the smallest change
    goes on in whole levels where it fooled the model: until it fools as levels, and then as
    long as it comes nearer to the clean image. Where levels never fool inside the radius, the
    image stays as it was rounded.

    Args:
        problem: the batch.
        attack: whose result it is.
        x_adv: (N, C, H, W) its result.
        won: (N,) bool, where it fooled the model.
        levels_max: 2**bits - 1.
    """
    levels = to_lattice(x_adv, problem.x, eps=problem.eps, levels_max=levels_max, norm=attack.NORM)
    rows = (won & (problem.eps > 0)).nonzero().squeeze(1)
    if not attack.BOUNDED and attack.SHORTENED and len(rows):
        levels[rows] = _refined(problem.part(rows), levels[rows], levels_max, attack.margin)
    return levels


@dataclass(eq=False)
class _Point:
    """A change of each image in whole levels, and what the model says there."""

    change: Tensor  # (N, C, H, W)
    lead: Tensor  # (N,) of the margin over what a success must have
    slope: Tensor  # (N, C, H, W) of the margin, by one level

    @property
    def fools(self) -> Tensor:
        """Where the margin is larger than a success must have it: (N,) bool."""
        return self.lead > 0

    @property
    def length(self) -> Tensor:
        """Squared, in levels: (N,)."""
        return _squared(self.change)

    def part(self, rows: Tensor) -> "_Point":
        """The points of some of the images."""
        return _Point(self.change[rows], self.lead[rows], self.slope[rows])

    def put(self, rows: Tensor, other: "_Point") -> None:
        """Move some of the images."""
        self.change[rows], self.lead[rows], self.slope[rows] = other.change, other.lead, other.slope


class _Nearest:
    """The shortest change of each image that fools inside its radius."""

    def __init__(self, problem: Problem, rounded: Tensor, levels_max: int) -> None:
        self.change = rounded.clone()
        self._radius = (problem.eps * levels_max).square() * (1 + 1e-6)
        self._length = torch.full_like(problem.eps, torch.inf)

    def offer(self, rows: Tensor, point: _Point) -> None:
        """Keep what is shorter."""
        length = point.length
        shorter = point.fools & (length <= self._radius[rows]) & (length < self._length[rows])
        self.change[rows[shorter]], self._length[rows[shorter]] = point.change[shorter], length[shorter]


def _refined(problem: Problem, levels: Tensor, levels_max: int, kappa: float) -> Tensor:
    """The levels after rounds of `cheapest`, each proposal accepted or refused by the model.

    A losing image takes what raises its margin, a winning one what is shorter and still
    wins. After a refusal only the pixels that gain most are moved, and more margin is asked
    for, by what was missing.
    """
    base = (problem.x * levels_max).round()
    room = problem.free.to(base.dtype)
    ground = Ground(-base * room, (levels_max - base) * room)
    rows = torch.arange(len(levels), device=levels.device)
    live = _judged(problem, base, levels - base, levels_max, kappa)
    nearest = _Nearest(problem, live.change, levels_max)
    nearest.offer(rows, live)
    aim, reach = torch.zeros_like(problem.eps), torch.full_like(problem.eps, HALF_A_LEVEL)
    for _ in range(N_ROUNDS):
        change, spread = cheapest(ground, live.change, live.slope, aim[rows] - live.lead, reach[rows])
        worth = live.length - _squared(change) > LEAST_SAVING * live.length
        going = torch.where(live.fools, worth, (change != live.change).amax((1, 2, 3)))
        if not going.any():
            break
        if not going.all():
            rows, change, spread = rows[going], change[going], spread[going]
            live, ground = live.part(going), ground.part(going)
        tried = _judged(problem.part(rows), base[rows], change, levels_max, kappa)
        nearest.offer(rows, tried)
        taken = torch.where(live.fools, tried.fools, tried.lead > live.lead)
        live.put(taken, tried.part(taken))
        aim[rows] = torch.where(tried.fools, aim[rows] / 2, aim[rows] - tried.lead)
        reach[rows] = torch.where(taken, (reach[rows] + HALF_A_LEVEL) / 2, spread)
    return (base + nearest.change).to(torch.int32)


def _judged(problem: Problem, base: Tensor, change: Tensor, levels_max: int, kappa: float) -> _Point:
    pixels = to_pixels(base + change, levels_max).contiguous(memory_format=torch.channels_last)
    slope, logits, _ = replace(problem, loss="margin").gradient(pixels)
    needed = (SURE_SHARE * logits.abs().amax(1)).clamp_min(kappa)
    return _Point(change, problem.won_by(logits) - needed, slope / levels_max)


def _squared(change: Tensor) -> Tensor:
    return change.square().sum((1, 2, 3))
