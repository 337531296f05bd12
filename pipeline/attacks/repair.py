"""Smallest-change attacks that rounding undid, won back on the lattice."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.attacks.attack import Attack
from pipeline.attacks.lattice import to_lattice, to_pixels
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import per_image, project_l2

# Stretching by 1.15 up to 45 times reaches a change of one half level from one of 1/1000 level.
STRETCH, N_STRETCHES = 1.15, 45
# Bisections between the last stretch that failed and the first that fooled: a 16th of 15 %.
N_BISECTIONS = 4
# A win on the file by less than this many logits could be lost to another machine's arithmetic.
SURE_MARGIN = 1e-3


def on_lattice(problem: Problem, attack: Attack, x_adv: Tensor, won: Tensor, levels_max: int) -> Tensor:
    """The levels of an attack's result, (N, C, H, W) int32.

    An image that fooled the model as floating-point pixels and no longer does as levels is
    moved on along its own change, out of the clean image, and rounded again: the shortest
    such stretch that fools is found. Where none does, it stays as it was rounded.

    Args:
        problem: the batch.
        attack: whose result it is; one with a radius under Linf is only rounded.
        x_adv: (N, C, H, W) its result.
        won: (N,) bool, where it fooled the model.
        levels_max: 2**bits - 1.
    """
    levels = to_lattice(x_adv, problem.x, eps=problem.eps, levels_max=levels_max, norm=attack.NORM)
    if attack.BOUNDED:
        return levels
    rows = (won & ~_fools(problem, levels, levels_max)).nonzero().squeeze(1)
    if len(rows):
        levels[rows] = _stretched(problem.part(rows), attack, x_adv[rows], levels[rows], levels_max)
    return levels


def _stretched(problem: Problem, attack: Attack, x_adv: Tensor, levels: Tensor, levels_max: int) -> Tensor:
    delta = x_adv - problem.x
    # Pixels inside the box may grow until they meet it; the projection keeps ball and box.

    def at(rows: Tensor, factor: Tensor) -> Tensor:
        part = problem.part(rows)
        moved = project_l2(part.x + per_image(factor) * delta[rows], part.x, part.eps)
        return to_lattice(moved, part.x, eps=part.eps, levels_max=levels_max, norm=attack.NORM)

    low, high = torch.ones_like(problem.eps), torch.full_like(problem.eps, torch.inf)
    rows = torch.arange(len(delta), device=delta.device)
    factor = 1.0
    for _ in range(N_STRETCHES):
        factor *= STRETCH
        rows = _try(problem, at, rows, low, high, levels, torch.full_like(low, factor), levels_max)
        if not len(rows):
            break
    rows = high.isfinite().nonzero().squeeze(1)
    for _ in range(N_BISECTIONS if len(rows) else 0):
        _try(problem, at, rows, low, high, levels, (low + high) / 2, levels_max)
    return levels


def _try(
    problem: Problem,
    at: Callable[[Tensor, Tensor], Tensor],
    rows: Tensor,
    low: Tensor,
    high: Tensor,
    levels: Tensor,
    factor: Tensor,
    levels_max: int,
) -> Tensor:
    """Judge one stretch an image, keep what fools, and give the rows that did not."""
    tried = at(rows, factor[rows])
    fools = _fools(problem.part(rows), tried, levels_max)
    high[rows[fools]] = factor[rows[fools]]
    low[rows[~fools]] = factor[rows[~fools]]
    levels[rows[fools]] = tried[fools]
    return rows[~fools]


@torch.no_grad()
def _fools(problem: Problem, levels: Tensor, levels_max: int) -> Tensor:
    pixels = to_pixels(levels, levels_max).contiguous(memory_format=torch.channels_last)
    return problem.won_by(problem.model(pixels)) > SURE_MARGIN
