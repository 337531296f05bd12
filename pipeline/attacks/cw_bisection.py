"""Carlini and Wagner's own search: a bisection over c, image by image, with a run of Adam for each value."""

import torch
from torch import Tensor

from pipeline.attacks.ascent import pieces
from pipeline.attacks.attack import Tick
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.cw_steps import C_MAX, Adam, Found, by_delta, first_c, hinge, iterate, origin
from pipeline.attacks.problem import Problem
from pipeline.attacks.result import AttackResult

# A loss that falls by less than this share between two checks has stopped, as in Carlini's own code.
STALLED = 0.9999
# Checks for that a value of c; and the share of stopped images at which leaving them out pays for the copying.
N_CHECKS = 10
COMPACT_AT = 0.25


def bisect(problem: Problem, attack: CarliniWagner, tick: Tick) -> AttackResult:
    """Attack a checked batch: c grows tenfold until the first success, then halves its bounds."""
    found, deltas = Found.nothing(problem), torch.zeros_like(problem.x)
    low, high = torch.zeros_like(problem.eps), torch.full_like(problem.eps, torch.inf)
    c = first_c(problem, attack.c_first, attack.kappa)
    for _ in range(attack.search_steps):
        hit = _descend(problem, attack, c, found, deltas, tick)
        high = torch.where(hit, torch.minimum(high, c), high)
        low = torch.where(hit, low, torch.maximum(low, c))
        c = torch.where(high.isfinite(), (low + high) / 2, (c * 10).clamp_max(C_MAX))
    return found.result(problem)


def _descend(problem: Problem, attack: CarliniWagner, c: Tensor, found: Found, deltas: Tensor, tick: Tick) -> Tensor:
    """Adam at one c an image; writes to `found` and where it ends to `deltas`, gives where this c succeeded (N,)."""
    n = len(problem.x)
    hit = torch.zeros(n, dtype=torch.bool, device=problem.x.device)
    rows = torch.arange(n, device=problem.x.device)
    live, start = problem, origin(problem, attack.shrink)
    delta = deltas.clone() if attack.warm_start else torch.zeros_like(problem.x)
    adam = Adam(delta)
    previous = torch.full_like(c, torch.inf)
    stopped = torch.zeros_like(hit)
    every = max(attack.steps // N_CHECKS, 1)
    for k in range(1, attack.steps + 1):
        at = iterate(live, start, delta)
        won, slope = hinge(live, at.x_adv, c[rows], attack.kappa, found.short[rows])
        found.short[rows] = ~(won > attack.kappa)
        ok = at.ok(won, attack.kappa, live.eps)
        found.record(rows, at.x_adv, at.l2, ok, ~stopped)
        hit[rows] |= ok & ~stopped
        found.steps[rows] += (~stopped).long()
        loss = at.l2 + c[rows] * (attack.kappa - won).clamp_min(0)
        for piece in pieces(delta):
            adam.step(delta, by_delta(live, at, slope, piece), k, attack.lr, piece)
        tick()
        if not attack.abort_early or k % every:
            continue
        stalled = ~stopped & (loss > previous * STALLED)
        # Kept at once: a stopped image moves on with the batch until it is left out, and nobody looks.
        deltas[rows[stalled]] = delta[stalled]
        stopped, previous = stopped | stalled, loss
        if stopped.all():
            break
        if stopped.float().mean() >= COMPACT_AT:
            going = ~stopped
            rows, delta, start, previous = rows[going], delta[going], start[going], previous[going]
            live, stopped = problem.part(rows), stopped[going]
            adam.keep(going)
    deltas[rows[~stopped]] = delta[~stopped]
    return hit
