"""The quick search of Carlini and Wagner's attack: one run of Adam, in which c follows each image."""

import math

import torch

from pipeline.attacks.ascent import pieces
from pipeline.attacks.attack import Tick
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.cw_steps import C_MAX, Adam, Found, by_delta, first_c, hinge, iterate, origin
from pipeline.attacks.problem import Problem
from pipeline.attacks.result import AttackResult

# By how much c changes in the first step and in the last, and what is left of Adam's step in the last; chosen on 8 real
# training scans and a CNN of 224x224 pixels, where half or twice of each ends within 1 % of this.
RATE_FIRST, RATE_LAST = 0.1, 0.02
LR_LAST = 0.1


def descend(problem: Problem, attack: CarliniWagner, tick: Tick) -> AttackResult:
    """Attack a checked batch; c falls after a success and grows after a failure, and so stays at the boundary.

    The rate of that and Adam's step fall along half a cosine. No step is spent on values of c that are far from the
    right one, as none is on such radii by Rony et al. 2019, arXiv:1811.09600.
    """
    found, start = Found.nothing(problem), origin(problem, attack.shrink)
    everyone = torch.ones_like(found.short)
    rows = everyone.nonzero().squeeze(1)
    c = first_c(problem, attack.c_first, attack.kappa)
    delta = torch.zeros_like(problem.x)
    adam = Adam(delta)
    for k in range(1, attack.steps + 1):
        left = (1 + math.cos(math.pi * (k - 1) / attack.steps)) / 2
        rate = RATE_LAST + (RATE_FIRST - RATE_LAST) * left
        lr = attack.lr * (LR_LAST + (1 - LR_LAST) * left)
        at = iterate(problem, start, delta)
        won, slope = hinge(problem, at.x_adv, c, attack.kappa, found.short)
        found.short = ~(won > attack.kappa)
        found.record(rows, at.x_adv, at.l2, at.ok(won, attack.kappa, problem.eps), everyone)
        c = torch.where(found.short, c * (1 + rate), c * (1 - rate)).clamp_max(C_MAX)
        for piece in pieces(delta):
            adam.step(delta, by_delta(problem, at, slope, piece), k, lr, piece)
        tick()
    found.steps += attack.steps
    return found.result(problem)
