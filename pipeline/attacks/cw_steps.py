"""What both searches of Carlini and Wagner's attack do at each step: the iterate, its slope in tanh space, and Adam."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attacks.ascent import pieces
from pipeline.attacks.losses import margin
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import per_image, project_l2
from pipeline.attacks.result import AttackResult, reasons
from pipeline.attacks.slopes import slope_of

# Adam's own constants, Kingma and Ba 2015, arXiv:1412.6980.
BETA_1, BETA_2, ADAM_EPS = 0.9, 0.999, 1e-8
C_MAX = 1e10


@dataclass(eq=False)
class Found:
    """What is known of every image of the batch; changed in place."""

    best: Tensor  # (N, C, H, W) the nearest success, the clean image before there is one
    best_l2: Tensor  # (N,) squared, infinite before the first success
    last: Tensor  # (N, C, H, W) the last iterate
    steps: Tensor  # (N,)
    short: Tensor  # (N,) bool, whether the margin fell short of kappa when it was last seen

    @classmethod
    def nothing(cls, problem: Problem) -> "Found":
        """Before the first step."""
        return cls(
            best=problem.x.clone(),
            best_l2=torch.full_like(problem.eps, torch.inf),
            last=problem.x.clone(),
            steps=torch.zeros_like(problem.y),
            short=torch.ones_like(problem.y, dtype=torch.bool),
        )

    def record(self, rows: Tensor, x_adv: Tensor, l2: Tensor, ok: Tensor, going: Tensor) -> None:
        """Keep what is nearer than before; an image that is never fooled is given back as it was last."""
        better = ok & going & (l2 < self.best_l2[rows])
        self.best[rows[better]] = x_adv[better]
        self.best_l2[rows[better]] = l2[better]
        unfooled = going & ~self.best_l2[rows].isfinite()
        self.last[rows[unfooled]] = x_adv[unfooled]

    def result(self, problem: Problem) -> AttackResult:
        """The nearest success of each image, or its last iterate inside the ball, and why."""
        success = self.best_l2.isfinite()
        last = project_l2(self.last, problem.x, problem.eps)
        x_adv = problem.confined(torch.where(per_image(success), self.best, last))
        masked = torch.zeros_like(success)
        if not success.all():
            masked[~success] = problem.part(~success).no_slope()
        return AttackResult(x_adv, success, self.steps, reasons(success, masked))


def origin(problem: Problem, shrink: float) -> Tensor:
    """The images in tanh space; `shrink` keeps pixels of exactly 0 and 1 off its flat ends, where nothing moves."""
    return torch.atanh((2 * problem.x - 1) * shrink)


def first_c(problem: Problem, c_first: float | None, kappa: float) -> Tensor:
    """The first c of each image (N,): the given one, or that of the least change if the margin were linear.

    At the least change |delta|^2 + c * (kappa - margin) has no slope, so that 2 |delta| = c |slope|, and a linear
    margin is made up for by |delta| = (kappa - margin) / |slope|.
    """
    if c_first is not None:
        return torch.full_like(problem.eps, c_first)
    won, slope = hinge(problem, problem.x, torch.ones_like(problem.eps), kappa, torch.ones_like(problem.y).bool())
    slope = torch.where(problem.free, slope, 0)
    c = 2 * (kappa - won).abs() / slope.square().sum((1, 2, 3))
    # Without a slope or without a finite margin any value is as good as another.
    return torch.where(c.isfinite() & (c > 0), c, torch.ones_like(c)).clamp_max(C_MAX)


@dataclass(frozen=True, eq=False)
class Iterate:
    """Where the search stands."""

    x_adv: Tensor  # (n, C, H, W)
    l2: Tensor  # (n,) squared
    bent: Tensor  # (n, C, H, W), the tanh of where the search stands

    def ok(self, won: Tensor, kappa: float, eps: Tensor) -> Tensor:
        """Which are successes (n,) with a margin of kappa inside the ball."""
        return (won > 0) & (won >= kappa) & (self.l2.sqrt() <= eps)


def iterate(problem: Problem, start: Tensor, delta: Tensor) -> Iterate:
    """The iterate of each image, a few images at a time, so that the processor's cache holds them.

    What `delta` changes is added to the image, x + (tanh(start + delta) - tanh(start)) / 2 inside the box, so that no
    `shrink` moves a pixel by itself.
    """
    at = Iterate(torch.empty_like(delta), torch.empty_like(problem.eps), torch.empty_like(delta))
    for piece in pieces(delta):
        bent = torch.add(start[piece], delta[piece], out=at.bent[piece]).tanh_()
        x_adv = torch.sub(bent, start[piece].tanh(), out=at.x_adv[piece]).div_(2).add_(problem.x[piece]).clamp_(0, 1)
        if problem.some_fixed:
            x_adv.copy_(torch.where(_moving(problem, piece), x_adv, problem.x[piece]))
        at.l2[piece] = (x_adv - problem.x[piece]).square_().sum((1, 2, 3))
    return at


def by_delta(problem: Problem, at: Iterate, slope: Tensor, piece: slice) -> Tensor:
    """The slope of |x_adv - x|^2 and of the hinge by `delta`; it overwrites what it needs no more."""
    slope = slope[piece].add_(at.x_adv[piece].sub_(problem.x[piece]), alpha=2)
    # By the chain rule, and straight through the box, since (tanh + 1) / 2 has the slope (1 - tanh^2) / 2.
    slope.mul_(at.bent[piece].square_().neg_().add_(1).div_(2))
    return torch.where(_moving(problem, piece), slope, 0) if problem.some_fixed else slope


def _moving(problem: Problem, piece: slice) -> Tensor:
    return problem.free[piece] & per_image(problem.eps[piece] > 0)


def hinge(problem: Problem, x_adv: Tensor, c: Tensor, kappa: float, short: Tensor) -> tuple[Tensor, Tensor]:
    """The margin (N,) and the slope of c * max(0, kappa - margin) by the pixels.

    Where the margin exceeds kappa the slope is 0 and nobody needs a gradient. Images that were `short` of kappa in the
    last step are expected to be so again; the others are only looked at, and once more where they turn out short.
    """
    won = torch.empty_like(c)
    far = (~short).nonzero().squeeze(1)
    if len(far):
        with torch.no_grad():
            won[far] = _margin(problem, x_adv, far)
        short = short.index_put((far,), ~(won[far] > kappa))
    rows = short.nonzero().squeeze(1)
    if not len(rows):
        return won, torch.zeros_like(x_adv)
    everyone = len(rows) == len(x_adv)
    with torch.enable_grad():
        here = (x_adv.detach() if everyone else x_adv[rows]).requires_grad_()
        near = _margin(problem, here, rows, taken=True)
        slope = slope_of(c[rows] * (kappa - near).clamp_min(0), here).nan_to_num_(0, 0, 0)
    won[rows] = near.detach()
    return won, slope if everyone else torch.zeros_like(x_adv).index_copy_(0, rows, slope)


def _margin(problem: Problem, x_adv: Tensor, rows: Tensor, *, taken: bool = False) -> Tensor:
    """The margin of some images of the batch; `x_adv` holds these alone if they are `taken` already."""
    some = x_adv if taken or len(rows) == len(x_adv) else x_adv[rows]
    target = None if problem.target is None else problem.target[rows]
    return margin(problem.model(some), problem.y[rows], target)


class Adam:
    """Adam on one tensor, in place."""

    def __init__(self, like: Tensor) -> None:
        self._mean = torch.zeros_like(like)
        self._square = torch.zeros_like(like)

    def step(self, values: Tensor, gradient: Tensor, k: int, lr: float, piece: slice) -> None:
        """Move a piece of `values` by about `lr` downhill along its gradient; `k` counts from 1."""
        mean = self._mean[piece].mul_(BETA_1).add_(gradient, alpha=1 - BETA_1)
        square = self._square[piece].mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
        spread = (square / (1 - BETA_2**k)).sqrt_().add_(ADAM_EPS)
        values[piece].addcdiv_(mean, spread, value=-lr / (1 - BETA_1**k))

    def keep(self, rows: Tensor) -> None:
        """Forget all images but these."""
        self._mean, self._square = self._mean[rows], self._square[rows]
