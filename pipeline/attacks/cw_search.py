"""The search of Carlini and Wagner's attack: Adam in tanh space inside a bisection over c, image by image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attacks.attack import Tick
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.losses import margin
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import per_image, project_l2
from pipeline.attacks.result import AttackResult, reasons

# Adam's own constants, Kingma and Ba 2015, arXiv:1412.6980.
BETA_1, BETA_2, ADAM_EPS = 0.9, 0.999, 1e-8
# A loss that falls by less than this share between two checks has stopped, as in Carlini's own code.
STALLED = 0.9999
# Checks for that a value of c; and the share of stopped images at which leaving them out pays for the copying.
N_CHECKS = 10
COMPACT_AT = 0.25
C_MAX = 1e10


@dataclass(eq=False)
class _Found:
    """What is known of every image of the batch; changed in place."""

    best: Tensor  # (N, C, H, W) the nearest success, the clean image before there is one
    best_l2: Tensor  # (N,) squared, infinite before the first success
    last: Tensor  # (N, C, H, W) the last iterate
    delta: Tensor  # (N, C, H, W) where the last value of c ended, in tanh space
    steps: Tensor  # (N,)
    short: Tensor  # (N,) bool, whether the margin fell short of kappa when it was last seen


def search(problem: Problem, attack: CarliniWagner, tick: Tick) -> AttackResult:
    """Attack a checked batch; see `CarliniWagner` for the loss and the parameters."""
    x, n = problem.x, len(problem.x)
    found = _Found(
        best=x.clone(),
        best_l2=torch.full((n,), torch.inf, device=x.device, dtype=x.dtype),
        last=x.clone(),
        delta=torch.zeros_like(x),
        steps=torch.zeros_like(problem.y),
        short=torch.ones_like(problem.y, dtype=torch.bool),
    )
    low, high = torch.zeros_like(problem.eps), torch.full_like(problem.eps, torch.inf)
    c = torch.full_like(problem.eps, attack.c_first)
    for _ in range(attack.search_steps):
        hit = _descend(problem, attack, c, found, tick)
        high = torch.where(hit, torch.minimum(high, c), high)
        low = torch.where(hit, low, torch.maximum(low, c))
        c = torch.where(high.isfinite(), (low + high) / 2, (c * 10).clamp_max(C_MAX))
    success = found.best_l2.isfinite()
    last = project_l2(found.last, x, problem.eps)
    x_adv = problem.confined(torch.where(per_image(success), found.best, last))
    masked = torch.zeros_like(success)
    if not success.all():
        masked[~success] = problem.part(~success).no_slope()
    return AttackResult(x_adv, success, found.steps, reasons(success, masked))


def _descend(problem: Problem, attack: CarliniWagner, c: Tensor, found: _Found, tick: Tick) -> Tensor:
    """Adam at one c an image; writes to `found` and gives where this c succeeded (N,)."""
    n = len(problem.x)
    hit = torch.zeros(n, dtype=torch.bool, device=problem.x.device)
    rows = torch.arange(n, device=problem.x.device)
    live, origin = problem, torch.atanh((2 * problem.x - 1) * attack.shrink)
    delta = found.delta.clone() if attack.warm_start else torch.zeros_like(problem.x)
    adam = _Adam(delta, attack.lr)
    previous = torch.full_like(c, torch.inf)
    stopped = torch.zeros_like(hit)
    every = max(attack.steps // N_CHECKS, 1)
    for k in range(1, attack.steps + 1):
        x_adv, l2, won, loss, gradient = _evaluate(live, origin, delta, c[rows], attack.kappa, found.short[rows])
        found.short[rows] = ~(won > attack.kappa)
        ok = (won > 0) & (won >= attack.kappa) & (l2.sqrt() <= live.eps)
        _record(found, rows, x_adv, l2, ok, ~stopped)
        hit[rows] |= ok & ~stopped
        found.steps[rows] += (~stopped).long()
        adam.step(delta, gradient, k)
        tick()
        if not attack.abort_early or k % every:
            continue
        stalled = ~stopped & (loss > previous * STALLED)
        # Kept at once: a stopped image moves on with the batch until it is left out, and nobody looks.
        found.delta[rows[stalled]] = delta[stalled]
        stopped, previous = stopped | stalled, loss
        if stopped.all():
            break
        if stopped.float().mean() >= COMPACT_AT:
            going = ~stopped
            rows, delta, origin, previous = rows[going], delta[going], origin[going], previous[going]
            live, stopped = problem.part(rows), stopped[going]
            adam.keep(going)
    found.delta[rows[~stopped]] = delta[~stopped]
    return hit


def _evaluate(
    problem: Problem, origin: Tensor, delta: Tensor, c: Tensor, kappa: float, short: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The iterate, its squared L2, its margin, its loss, and the slope of the loss by `delta`."""
    bent = (origin + delta).tanh_()
    x_adv = problem.confined((bent + 1).div_(2))
    change = x_adv - problem.x
    l2 = change.square().sum((1, 2, 3))
    won, slope = _hinge(problem, x_adv, c, kappa, short)
    loss = l2 + c * (kappa - won).clamp_min(0)
    # By the chain rule, since (tanh + 1) / 2 has the slope (1 - tanh^2) / 2.
    gradient = slope.add_(change, alpha=2).mul_(bent.square_().neg_().add_(1).div_(2))
    if problem.some_fixed:
        gradient = torch.where(problem.free & per_image(problem.eps > 0), gradient, 0)
    return x_adv, l2, won, loss, gradient


def _hinge(problem: Problem, x_adv: Tensor, c: Tensor, kappa: float, short: Tensor) -> tuple[Tensor, Tensor]:
    """The margin (N,) and the slope of c * max(0, kappa - margin) by the pixels.

    Where the margin exceeds kappa the slope is 0 and nobody needs a gradient: nine steps in ten of
    a search that begins with a large c. Images that were `short` of kappa in the last step are
    expected to be so again; the others are only looked at, and once more where they turn out short.
    """
    won, slope = torch.empty_like(c), torch.zeros_like(x_adv)
    far = (~short).nonzero().squeeze(1)
    if len(far):
        with torch.no_grad():
            won[far] = _margin(problem, x_adv, far)
        short = short.index_put((far,), ~(won[far] > kappa))
    rows = short.nonzero().squeeze(1)
    if len(rows):
        with torch.enable_grad():
            here = x_adv[rows].requires_grad_()
            near = _margin(problem, here, rows, taken=True)
            pull = (c[rows] * (kappa - near).clamp_min(0)).sum()
            slope[rows] = torch.autograd.grad(pull, here)[0].nan_to_num_(0, 0, 0)
        won[rows] = near.detach()
    return won, slope


def _margin(problem: Problem, x_adv: Tensor, rows: Tensor, *, taken: bool = False) -> Tensor:
    """The margin of some images of the batch; `x_adv` holds these alone if they are `taken` already."""
    some = x_adv if taken or len(rows) == len(x_adv) else x_adv[rows]
    target = None if problem.target is None else problem.target[rows]
    return margin(problem.model(some), problem.y[rows], target)


def _record(found: _Found, rows: Tensor, x_adv: Tensor, l2: Tensor, ok: Tensor, going: Tensor) -> None:
    better = ok & going & (l2 < found.best_l2[rows])
    found.best[rows[better]] = x_adv[better]
    found.best_l2[rows[better]] = l2[better]
    # Only an image that is never fooled is given back as it was last.
    unfooled = going & ~found.best_l2[rows].isfinite()
    found.last[rows[unfooled]] = x_adv[unfooled]


class _Adam:
    """Adam on one tensor, in place."""

    def __init__(self, like: Tensor, lr: float) -> None:
        self._lr = lr
        self._mean = torch.zeros_like(like)
        self._square = torch.zeros_like(like)

    def step(self, values: Tensor, gradient: Tensor, k: int) -> None:
        """Move `values` downhill; `k` counts from 1."""
        self._mean.mul_(BETA_1).add_(gradient, alpha=1 - BETA_1)
        self._square.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        spread = (self._square / (1 - BETA_2**k)).sqrt_().add_(ADAM_EPS)
        values.addcdiv_(self._mean, spread, value=-self._lr / (1 - BETA_1**k))

    def keep(self, rows: Tensor) -> None:
        """Forget all images but these."""
        self._mean, self._square = self._mean[rows], self._square[rows]
