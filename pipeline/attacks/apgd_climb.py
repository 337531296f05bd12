"""The climb of Auto-PGD from one start, image by image."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pipeline.attacks.apgd import AutoPGD
from pipeline.attacks.ascent import l2_unit, sign
from pipeline.attacks.attack import Tick
from pipeline.attacks.budget import Norm
from pipeline.attacks.losses import LOSSES, margin
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import PROJECTIONS, per_image

# Algorithm 1 of arXiv:2003.01690: the share of the new point against the last move, and the first step in radii.
MOMENTUM, FIRST_STEP = 0.75, 2.0
# Its checkpoints in hundredths of the steps: the first, and each gap shorter than the last by 3 down to 6.
FIRST_GAP, GAP_LOSS, LEAST_GAP = 22, 3, 6


@dataclass(eq=False)
class Found:
    """What is known of every image of the batch; changed in place."""

    x_adv: Tensor  # (N, C, H, W) the best point that fooled, else the best point
    won: Tensor  # (N,) bool: it fooled
    score: Tensor  # (N, 2) its loss, then its margin
    steps: Tensor  # (N,) gradients taken
    masked: Tensor  # (N,) bool: no gradient so far had a slope


@dataclass(eq=False)
class _Point:
    """The images that still climb; row i of all tensors belongs to row `rows[i]` of the batch."""

    rows: Tensor  # (n,)
    here: Tensor  # (n, C, H, W)
    before: Tensor  # (n, C, H, W) the point one step ago
    score: Tensor  # (n, 2) here
    best: Tensor  # (n, C, H, W) of all points so far
    best_gradient: Tensor  # (n, C, H, W)
    best_score: Tensor  # (n, 2)
    checked_score: Tensor  # (n, 2) the best one at the last checkpoint
    eta: Tensor  # (n,) step
    halved: Tensor  # (n,) bool: at the last checkpoint
    climbed: Tensor  # (n,) steps since then that raised the loss

    def keep(self, going: Tensor) -> None:
        """Forget all images but these."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[going])


def checkpoints(steps: int) -> set[int]:
    """After which steps an image is looked at: ceil(p_j * steps), in whole numbers since .41 * 100 is not 41."""
    found, share, gap = set(), FIRST_GAP, FIRST_GAP
    while share <= 100:
        found.add(-(-share * steps // 100))
        gap = max(gap - GAP_LOSS, LEAST_GAP)
        share += gap
    return found


def climb(goal: Problem, aim: Problem, attack: AutoPGD, start: Tensor, tick: Tick) -> Found:
    """Algorithm 1 from `start`, which lies inside ball and box.

    Args:
        goal: what counts as fooled.
        aim: the same images with the loss and the target that are climbed.
        attack: the parameters.
        start: (N, C, H, W).
        tick: called after each gradient.
    """
    found = nothing(start)
    looks, since = checkpoints(attack.steps), 0
    live, state = aim, _first(aim, start)
    y, target = goal.y, goal.target
    for k in range(attack.steps + 1):
        last = k == attack.steps
        gradient, logits = _look(live, state, found, last=last)
        won = margin(logits if last else live.own_logits(state.here, logits), y, target) > 0
        _score(live, state, logits, gradient)
        _record(found, state, won)
        if last:
            break
        tick()
        if attack.stop_on_success and won.any():
            if won.all():
                break
            state.keep(~won)
            gradient, live = gradient[~won], aim.part(state.rows)
            y, target = goal.y[state.rows], None if goal.target is None else goal.target[state.rows]
        if k in looks:
            _check(state, gradient, attack.rho * (k - since))
            since = k
        _step(live, state, gradient, attack.NORM, first=k == 0)
    return found


def _look(live: Problem, state: _Point, found: Found, *, last: bool) -> tuple[Tensor, Tensor]:
    """Gradient and logits where the images are; after the last step only the logits are of use."""
    if last:
        with torch.no_grad():
            return torch.zeros_like(state.here), live.model(state.here)
    gradient, logits, dead = live.gradient(state.here)
    found.masked[state.rows] &= dead
    found.steps[state.rows] += 1
    return gradient, logits


def _score(live: Problem, state: _Point, logits: Tensor, gradient: Tensor) -> None:
    """Weigh the point and remember it where it is the best so far."""
    # In float64, where the cross entropy of a sure model is small long before it is 0.
    wide = logits.double()
    both = torch.stack([LOSSES[live.loss](wide, live.y, live.target), margin(wide, live.y, live.target)], dim=1)
    score = both.nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
    state.climbed += _higher(score, state.score)
    better = _higher(score, state.best_score)
    state.best = torch.where(per_image(better), state.here, state.best)
    state.best_gradient = torch.where(per_image(better), gradient, state.best_gradient)
    state.best_score = torch.where(better[:, None], score, state.best_score)
    state.score = score


def _record(found: Found, state: _Point, won: Tensor) -> None:
    rows = state.rows
    same, higher = won == found.won[rows], _higher(state.score, found.score[rows])
    better = (won & ~found.won[rows]) | (same & higher)
    found.x_adv[rows[better]] = state.here[better]
    found.score[rows[better]] = state.score[better]
    found.won[rows] |= won


def _check(state: _Point, gradient: Tensor, needed: float) -> None:
    """Halve the step of images that climb no more and put them back to their best point; `gradient` follows."""
    stuck = ~state.halved & ~_higher(state.best_score, state.checked_score)
    halve = (state.climbed < needed) | stuck
    state.eta = torch.where(halve, state.eta / 2, state.eta)
    state.here = torch.where(per_image(halve), state.best, state.here)
    gradient.copy_(torch.where(per_image(halve), state.best_gradient, gradient))
    state.score = torch.where(halve[:, None], state.best_score, state.score)
    state.halved, state.checked_score = halve, state.best_score
    state.climbed = torch.zeros_like(state.climbed)


def _step(live: Problem, state: _Point, gradient: Tensor, norm: Norm, *, first: bool) -> None:
    direction = (sign if norm is Norm.LINF else l2_unit)(gradient, state.rows)
    project, here = PROJECTIONS[norm], state.here
    moved = project(here + per_image(state.eta) * direction, live.x, live.eps)
    if not first:
        mixed = here + MOMENTUM * (moved - here) + (1 - MOMENTUM) * (here - state.before)
        moved = project(mixed, live.x, live.eps)
    state.here, state.before = live.confined(moved), here


def _first(aim: Problem, start: Tensor) -> _Point:
    n = len(start)
    here = aim.confined(start)
    lowest = torch.full((n, 2), -torch.inf, dtype=torch.float64, device=start.device)
    return _Point(
        rows=torch.arange(n, device=start.device),
        here=here,
        before=here,
        score=lowest,
        best=here,
        best_gradient=torch.zeros_like(here),
        best_score=lowest,
        checked_score=lowest,
        eta=FIRST_STEP * aim.eps,
        halved=torch.ones(n, dtype=torch.bool, device=start.device),  # The first checkpoint has none to compare with.
        climbed=torch.full((n,), -1, device=start.device),  # The start itself, which counts as higher, is no step.
    )


def nothing(start: Tensor) -> Found:
    """What is known before the first gradient."""
    n = len(start)
    return Found(
        x_adv=start.clone(),
        won=torch.zeros(n, dtype=torch.bool, device=start.device),
        score=torch.full((n, 2), -torch.inf, dtype=torch.float64, device=start.device),
        steps=torch.zeros(n, dtype=torch.int64, device=start.device),
        masked=torch.ones(n, dtype=torch.bool, device=start.device),
    )


def _higher(score: Tensor, other: Tensor) -> Tensor:
    """Where a loss is higher, or the same with a larger margin: (n,) bool."""
    same = score[:, 0] == other[:, 0]
    return (score[:, 0] > other[:, 0]) | (same & (score[:, 1] > other[:, 1]))
