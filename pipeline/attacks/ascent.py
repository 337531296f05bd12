"""The loop that every gradient-sign and gradient-step attack shares."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attacks.attack import Tick
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import TINY, Projection, l2_norm, per_image
from pipeline.attacks.result import AttackResult, reasons

Direction = Callable[[Tensor, Tensor], Tensor]
"""The unit step from a gradient (n, C, H, W); the second argument says which images (n,) of the batch these are."""


def sign(gradient: Tensor, rows: Tensor) -> Tensor:
    """The steepest step under Linf."""
    return gradient.sign()


def l2_unit(gradient: Tensor, rows: Tensor) -> Tensor:
    """The steepest step under L2; no step where there is no slope."""
    return gradient / per_image(l2_norm(gradient).clamp_min(TINY))


class Momentum:
    """The sign of a decaying sum of gradients, each scaled to an L1 length of 1.

    An image without a slope adds nothing instead of 0 / 0, which would stop it for good.
    """

    def __init__(self, x: Tensor, mu: float) -> None:
        self._sum = torch.zeros_like(x)
        self._mu = mu

    def __call__(self, gradient: Tensor, rows: Tensor) -> Tensor:
        """Remember these gradients and give the step."""
        length = gradient.flatten(1).abs().sum(1).clamp_min(TINY)
        self._sum[rows] = self._mu * self._sum[rows] + gradient / per_image(length)
        return self._sum[rows].sign()


@dataclass(frozen=True, kw_only=True)
class Climb:
    """How `ascend` goes: `alpha` (N,) is the step of each image."""

    steps: int
    alpha: Tensor
    direction: Direction
    project: Projection
    stop_on_success: bool = False


def step_lengths(problem: Problem, alpha: float | None, *, share: float) -> Tensor:
    """The step of each image (N,): the given one, or a share of its eps."""
    return problem.eps * share if alpha is None else torch.full_like(problem.eps, alpha)


def ascend(problem: Problem, start: Tensor, climb: Climb, tick: Tick) -> AttackResult:
    """Climb the loss from `start`, projecting after each step.

    x_{k+1} = project(x_k + alpha * direction(gradient at x_k)). Gradients are taken at the
    clipped point, never through the clipping, which has no slope on a black background.
    With `stop_on_success` an image rests at its first success and leaves the batch.

    Args:
        problem: the batch.
        start: (N, C, H, W), inside ball and box.
        climb: the steps.
        tick: called after each step.
    """
    x_adv = problem.confined(start)
    taken = torch.zeros_like(problem.y)
    masked = torch.zeros_like(problem.y, dtype=torch.bool)
    rows = torch.arange(len(x_adv), device=x_adv.device)
    live, here = problem, x_adv
    for _ in range(climb.steps):
        gradient, logits, dead = live.gradient(here)
        if climb.stop_on_success:
            going = ~(live.won_by(logits) > 0)
            if not going.any():
                break
            if not going.all():
                rows, gradient, dead, here = rows[going], gradient[going], dead[going], here[going]
                live = problem.part(rows)
        moved = here + per_image(climb.alpha[rows]) * climb.direction(gradient, rows)
        here = live.confined(climb.project(moved, live.x, live.eps))
        x_adv[rows] = here
        masked[rows] = dead
        taken[rows] += 1
        tick()
    success = problem.fooled(x_adv)
    return AttackResult(x_adv, success, taken, reasons(success, masked))
