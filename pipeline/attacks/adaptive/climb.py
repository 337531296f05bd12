"""The loop that the adaptive attacks by sign steps share: restarts, steps on the file's lattice, the best of all."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.attacks.adaptive.attack import AdaptiveAttack
from pipeline.attacks.adaptive.ledger import GateResult, Ledger
from pipeline.attacks.adaptive.problem import GateProblem
from pipeline.attacks.attack import Tick
from pipeline.attacks.budget import Norm
from pipeline.attacks.projections import per_image, project_linf
from pipeline.attacks.starts import random_start

# The step as a share of eps, in the first step and in the last; between them along half a cosine.
SHARE_FIRST, SHARE_LAST = 1 / 4, 1 / 50


class Way(NamedTuple):
    """Where to go from a point, and what the point is worth."""

    uphill: Tensor  # (n, C, H, W)
    worth: Tensor  # (n,)


Aim = Callable[[GateProblem, Tensor, Tensor], Way]
"""From a part of the problem, which rows (n,) of the batch it holds, and its points (n, C, H, W), the way."""


def climb(
    problem: GateProblem, attack: AdaptiveAttack, seeds: Sequence[int], tick: Tick, aim_of: Callable[[int], Aim]
) -> GateResult:
    """Climb from several starts and keep the best point of each image.

    x_{k+1} = project(x_k + alpha_k * sign(uphill at the file nearest to x_k)): x keeps what rounding would lose, and
    the gate is asked about files alone. The last point of a restart is looked at as well.

    Args:
        problem: the batch.
        attack: its steps, restarts and whether winners rest.
        seeds: one an image.
        tick: called after each step.
        aim_of: the aim of a restart, which may remember things about rows of the batch.
    """
    ledger = Ledger(problem, stop_on_success=attack.stop_on_success)
    everyone = torch.arange(len(problem.y), device=problem.y.device)
    for restart in range(attack.restarts):
        rows = everyone[ledger.going(everyone)]
        aim, x_adv = aim_of(restart), start(problem, seeds, restart)
        for step in range(attack.steps):
            rows = rows[ledger.going(rows)]
            if not len(rows):
                break
            part = problem.part(rows)
            point = part.on_file(x_adv[rows])
            way = aim(part, rows, point)
            ledger.offer(rows, point, way.worth)
            ledger.stepped(rows, way.worth)
            alpha = per_image(part.eps * share(step, attack.steps))
            x_adv[rows] = project_linf(x_adv[rows] + alpha * way.uphill.sign(), part.x, part.eps)
            tick()
        if len(rows):
            look(ledger, problem, rows, x_adv)
    return ledger.result()


def start(problem: GateProblem, seeds: Sequence[int], restart: int) -> Tensor:
    """Where a restart begins: at the clean scans, which the gate accepts, then uniformly in the ball."""
    if restart == 0:
        return problem.x.clone()
    # Seeds are hashes: another last bit makes another number, and no other image has it.
    return random_start(problem, Norm.LINF, [seed ^ restart for seed in seeds])


def share(step: int, steps: int) -> float:
    """The step as a share of eps."""
    return SHARE_LAST + (SHARE_FIRST - SHARE_LAST) * (1 + math.cos(math.pi * step / steps)) / 2


@torch.no_grad()
def look(ledger: Ledger, problem: GateProblem, rows: Tensor, x_adv: Tensor) -> None:
    """Offer where these images stand."""
    part = problem.part(rows)
    point = part.on_file(x_adv[rows])
    ledger.offer(rows, point, part.won_by(part.model(point)))
