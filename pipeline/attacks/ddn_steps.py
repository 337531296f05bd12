"""The steps of DDN: turn along the gradient, set the length, keep the nearest success."""

import math

import torch
from torch import Tensor

from pipeline.attacks.ascent import l2_unit
from pipeline.attacks.attack import Tick
from pipeline.attacks.ddn import DDN
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import l2_norm, per_image
from pipeline.attacks.result import AttackResult, reasons

# The first and the last step, in units of the pixel range, as in the paper.
FIRST_STEP, LAST_STEP = 1.0, 0.01


def shorten(problem: Problem, attack: DDN, tick: Tick) -> AttackResult:
    """Attack a checked batch; see `DDN` for the step."""
    x_adv = problem.x
    delta = torch.zeros_like(problem.x)
    length = problem.eps.clamp_max(attack.first_length)
    best, best_l2 = problem.x.clone(), torch.full_like(problem.eps, torch.inf)
    masked = torch.zeros_like(problem.y, dtype=torch.bool)
    for k in range(attack.steps):
        gradient, logits, masked = problem.gradient(x_adv)
        won = problem.won_by(problem.own_logits(x_adv, logits)) > 0
        _keep(best, best_l2, x_adv, l2_norm(delta), won)
        delta = delta + _step(k, attack.steps) * l2_unit(gradient, problem.y)
        length = (length * torch.where(won, 1 - attack.gamma, 1 + attack.gamma)).minimum(problem.eps)
        x_adv = _placed(problem, l2_unit(delta, problem.y) * per_image(length), attack.levels)
        delta = x_adv - problem.x
        tick()
    _keep(best, best_l2, x_adv, l2_norm(delta), problem.fooled(x_adv))
    success = best_l2.isfinite()
    return AttackResult(
        torch.where(per_image(success), best, x_adv),
        success,
        torch.full_like(problem.y, attack.steps),
        reasons(success, masked),
    )


def _step(k: int, steps: int) -> float:
    return LAST_STEP + (FIRST_STEP - LAST_STEP) * (1 + math.cos(math.pi * k / steps)) / 2


def _placed(problem: Problem, delta: Tensor, levels: int | None) -> Tensor:
    """The change in the box and, where asked, in whole levels no longer than the radius."""
    if levels is not None:
        top = levels - 1
        whole = (delta * top).round() / top
        # Rounding to nearest may leave the ball, rounding towards the image never does.
        outside = l2_norm(whole) > problem.eps
        delta = torch.where(per_image(outside), (delta * top).trunc() / top, whole)
    return problem.confined((problem.x + delta).clamp(0, 1))


def _keep(best: Tensor, best_l2: Tensor, x_adv: Tensor, l2: Tensor, won: Tensor) -> None:
    better = won & (l2 < best_l2)
    best[better] = x_adv[better]
    best_l2[better] = l2[better]
