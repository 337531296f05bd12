"""The steps of Carlini and Wagner's attack on augmented logits, inside a ball under Linf."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attacks.adaptive.augmented import AugmentedCW
from pipeline.attacks.adaptive.climb import look, start
from pipeline.attacks.adaptive.ledger import GateResult, Ledger
from pipeline.attacks.adaptive.problem import GateProblem
from pipeline.attacks.adaptive.view import AugmentedView
from pipeline.attacks.attack import Tick
from pipeline.attacks.cw_steps import C_MAX, Adam, first_c, hinge
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import per_image

# By how much c grows after a failure: a hundred steps take it up by four powers of ten.
C_RATE = 0.1
# Keeps points at the sides of the ball off the flat ends of tanh.
SHRINK = 0.99


@dataclass(eq=False)
class _Search:
    """A restart of some images, in tanh space of their ball; row i of all tensors belongs to row `rows[i]`."""

    rows: Tensor
    part: Problem  # Of the augmented classifier, with a target.
    middle: Tensor
    half: Tensor  # 0 where a pixel has no room
    bent: Tensor  # The place in tanh space.
    c: Tensor
    adam: Adam

    @classmethod
    def begun(cls, problem: GateProblem, rows: Tensor, x_adv: Tensor, target: Tensor) -> "_Search":
        """At the given points."""
        some = problem.part(rows)
        eps = per_image(some.eps) * some.free
        low, high = (some.x - eps).clamp_min(0), (some.x + eps).clamp_max(1)
        middle, half = (low + high) / 2, (high - low) / 2
        place = torch.where(half > 0, (x_adv[rows] - middle) / half.clamp_min(1e-12), 0.0)
        bent = torch.atanh((SHRINK * place).clamp(-SHRINK, SHRINK))
        part = Problem(
            model=AugmentedView(problem.view).eval(),
            x=some.x,
            y=some.y,
            target=target[rows],
            eps=some.eps,
            free=some.free,
            some_fixed=some.some_fixed,
        )
        return cls(rows, part, middle, half, bent, first_c(part, None, 0.0), Adam(bent))

    @property
    def x_adv(self) -> Tensor:
        """The points."""
        return self.middle + self.half * self.bent.tanh()

    def keep(self, going: Tensor) -> None:
        """Forget all images but these."""
        kept = going.nonzero().squeeze(1)
        self.part = self.part.part(kept)
        for name in ("rows", "middle", "half", "bent", "c"):
            setattr(self, name, getattr(self, name)[kept])
        self.adam.keep(kept)


def descend(problem: GateProblem, attack: AugmentedCW, seeds: Sequence[int], tick: Tick) -> GateResult:
    """Attack a checked batch; see `AugmentedCW`."""
    ledger = Ledger(problem, stop_on_success=attack.stop_on_success)
    everyone = torch.arange(len(problem.y), device=problem.y.device)
    targets = _likely(problem)
    for restart in range(attack.restarts):
        rows = everyone[ledger.going(everyone)]
        if not len(rows):
            break
        x_adv = start(problem, seeds, restart)
        search = _Search.begun(problem, rows, x_adv, targets[:, restart % targets.shape[1]])
        for k in range(1, attack.steps + 1):
            going = ledger.going(search.rows)
            if not going.any():
                break
            if not going.all():
                search.keep(going)
            _step(search, problem, attack, ledger, k)
            tick()
        x_adv[search.rows] = search.x_adv
        look(ledger, problem, search.rows, x_adv)
    return ledger.result()


def _step(search: _Search, problem: GateProblem, attack: AugmentedCW, ledger: Ledger, k: int) -> None:
    """One step of Adam; its slope is taken at the file nearest to the point."""
    part = problem.part(search.rows)
    point = part.on_file(search.x_adv)
    short = torch.ones_like(search.rows, dtype=torch.bool)
    won, slope = hinge(search.part, point, search.c, attack.kappa, short)
    with torch.no_grad():
        # Asked of the gate itself: on the way to its target a scan may pass as another wrong class.
        worth = part.won_by(part.model(point))
    ledger.offer(search.rows, point, worth)
    ledger.stepped(search.rows, worth)
    search.c = (search.c * torch.where(won > 0, 1 - C_RATE, 1 + C_RATE)).clamp_max(C_MAX)
    slope = (slope + 2 * (point - search.part.x)) * search.half * (1 - search.bent.tanh().square())
    search.adam.step(search.bent, slope, k, attack.lr, slice(None))


@torch.no_grad()
def _likely(problem: GateProblem) -> Tensor:
    """The wrong classes of each image, the likeliest first: (N, K - 1)."""
    logits = problem.model(problem.x)[:, :-1]
    own = torch.zeros_like(logits).scatter_(1, problem.y[:, None], torch.inf)
    order: Tensor = (logits - own).argsort(1, descending=True)
    return order[:, :-1]
