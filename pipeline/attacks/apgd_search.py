"""The starts and the targets of Auto-PGD, one after the other on what is not fooled yet."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pipeline.attacks.apgd import APGDT, AutoPGD
from pipeline.attacks.apgd_climb import climb, nothing
from pipeline.attacks.attack import Tick
from pipeline.attacks.budget import LOSSES
from pipeline.attacks.problem import Problem
from pipeline.attacks.result import AttackResult, reasons
from pipeline.attacks.seeding import seed_for
from pipeline.attacks.starts import random_start


def search(problem: Problem, attack: AutoPGD, seeds: Sequence[int], tick: Tick) -> AttackResult:
    """Attack a checked batch with its own loss and target."""
    return _tried(problem, [problem], attack, seeds, tick)


def search_targets(problem: Problem, attack: APGDT, seeds: Sequence[int], tick: Tick) -> AttackResult:
    """Attack a checked batch towards one class after the other."""
    return _tried(problem, _aims(problem, attack.n_targets), attack, seeds, tick)


def _tried(goal: Problem, aims: Sequence[Problem], attack: AutoPGD, seeds: Sequence[int], tick: Tick) -> AttackResult:
    """Every aim from every start, each only on images that are not fooled yet."""
    best, nearest = nothing(goal.x), torch.full_like(goal.eps, -torch.inf)
    rows = torch.arange(len(goal.x), device=goal.x.device)
    for aim, restart in [(aim, restart) for aim in aims for restart in range(attack.restarts)]:
        part = goal.part(rows)
        start = part.x
        if attack.start == "random":
            own = [_seed_of(restart, attack.NAME, seeds[row]) for row in rows.tolist()]
            start = random_start(part, attack.NORM, own)
        found = climb(part, aim.part(rows), attack, start, tick)
        # Losses towards different targets do not compare: of failures the one nearest to the goal is kept.
        near = _nearness(part, found.x_adv)
        better = found.won | (near > nearest[rows]) | (best.steps[rows] == 0)
        best.x_adv[rows[better]] = found.x_adv[better]
        nearest[rows[better]] = near[better]
        best.steps[rows] += found.steps
        best.masked[rows] &= found.masked
        rows = rows[~found.won]
        if not len(rows):
            break
    success = goal.fooled(best.x_adv)
    return AttackResult(best.x_adv, success, best.steps, reasons(success, best.masked))


def _aims(problem: Problem, n_targets: int) -> list[Problem]:
    """The problem towards each of the likeliest wrong classes, or towards the one that is asked for."""
    with torch.no_grad():
        logits = problem.model(problem.x)
    n_classes = logits.shape[1]
    loss = "dlr" if n_classes > LOSSES["dlr"] else "margin"
    if problem.target is not None:
        return [replace(problem, loss=loss)]
    own = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, problem.y[:, None], True)
    likeliest = logits.masked_fill(own, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return [replace(problem, loss=loss, target=likeliest[:, k]) for k in range(min(n_targets, n_classes - 1))]


@torch.no_grad()
def _nearness(problem: Problem, x_adv: Tensor) -> Tensor:
    return problem.won_by(problem.model(x_adv)).nan_to_num(nan=-torch.inf)


def _seed_of(restart: int, name: str, seed: int) -> int:
    """The image's own seed for the first start, one made from it for every other."""
    return seed if restart == 0 else seed_for("restart", name, str(restart), seed)
