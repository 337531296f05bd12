"""The loop that every gradient-sign and gradient-step attack shares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attacks.attack import Tick
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import TINY, Projection, l2_norm, per_image
from pipeline.attacks.result import AttackResult, reasons

# Pixels in a piece of a step: with its temporaries a few hundred KiB, the second-level cache of a common core.
_PIECE = 1 << 16

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
        length = gradient.abs().sum((1, 2, 3)).clamp_min(TINY)
        kept = (self._sum[rows] if len(rows) < len(self._sum) else self._sum).mul_(self._mu)
        kept.add_(gradient / per_image(length))
        if kept is not self._sum:
            self._sum[rows] = kept
        return kept.sign()


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
    x_adv = problem.confined(start).contiguous(memory_format=problem.layout).clone()
    taken = torch.zeros_like(problem.y)
    masked = torch.zeros_like(problem.y, dtype=torch.bool)
    rows = torch.arange(len(x_adv), device=x_adv.device)
    live, here = problem, x_adv
    for _ in range(climb.steps):
        gradient, logits, dead = live.gradient(here)
        if climb.stop_on_success:
            going = ~(live.won_by(logits) > 0)
            if live.guide is not None and not going.all():
                # A guide may be wrong about a win; an image rests on the model's own word.
                going[~going] = ~live.part(~going).fooled(here[~going])
            if not going.any():
                break
            if not going.all():
                rows, gradient, dead, here = rows[going], gradient[going], dead[going], here[going]
                live = problem.part(rows)
        _step(live, here, gradient, rows, climb)
        if live is problem:
            masked = dead
        else:
            x_adv[rows], masked[rows] = here, dead
        taken[rows] += 1
        tick()
    success = problem.fooled(x_adv)
    return AttackResult(x_adv, success, taken, reasons(success, masked))


def _step(problem: Problem, here: Tensor, gradient: Tensor, rows: Tensor, climb: Climb) -> None:
    """Move `here` along the gradient and project it, in place."""
    alpha = per_image(climb.alpha[rows])
    for piece in pieces(here):
        at = here[piece]
        at.addcmul_(climb.direction(gradient[piece], rows[piece]), alpha[piece])
        at.copy_(climb.project(at, problem.x[piece], problem.eps[piece]))
    if problem.some_fixed:
        here.copy_(problem.confined(here))


def pieces(x: Tensor) -> Iterator[slice]:
    """The images a few at a time: what the step needs of them then stays in the processor's cache."""
    n = len(x) if x.is_cuda else max(1, _PIECE * len(x) // x.numel())
    for start in range(0, len(x), n):
        yield slice(start, start + n)
