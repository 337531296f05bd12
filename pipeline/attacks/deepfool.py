"""DeepFool: the nearest boundary of a model taken for linear, again and again, until it is crossed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import MAX_STEPS, Attack, Tick
from pipeline.attacks.budget import Norm, check_count, check_eps, check_number

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult

MAX_CANDIDATES = 1000


@dataclass(frozen=True, kw_only=True)
class DeepFool(Attack):
    """r <- r + |f_k| / |w_k|^2 * w_k towards the nearest class k, and x_adv = x + (1 + overshoot) * r.

    Moosavi-Dezfooli et al. 2016, arXiv:1511.04599, algorithm 2, with f_k = z_k - z_y and w_k
    its gradient. The overshoot lies on the whole of r, never on a step alone, which would
    leave every image just before its boundary. With a target there is one boundary: the one
    between it and the class that now leads.

    Different from the paper: a pixel that lies at black or white and is pushed further out
    counts neither in w nor in r, so that a dark background does not shorten the steps.

    Attributes:
        eps: a bound on the L2 change, in pixel units; None for none.
        steps: linearisations at most.
        overshoot: how far to go past the boundary, as a share of the way.
        candidates: only so many of the strongest wrong classes are looked at, as in the paper.
    """

    NAME: ClassVar[str] = "deepfool"
    TITLE: ClassVar[str] = "DeepFool, nearest linear boundary"
    TYPE: ClassVar[str] = "deepfool"
    NORM: ClassVar[Norm] = Norm.L2
    BOUNDED: ClassVar[bool] = False

    eps: float | None = None
    steps: int = 50
    overshoot: float = 0.02
    candidates: int = 10

    def __post_init__(self) -> None:
        if self.eps is not None:
            check_eps(self.eps, self.NORM)
        check_count("steps", self.steps, MAX_STEPS)
        check_number("overshoot", self.overshoot, 0, 10)
        check_count("candidates", self.candidates, MAX_CANDIDATES)

    @property
    def n_gradients(self) -> int:
        """One a step and candidate; most images are fooled after three or four steps."""
        return self.steps * self.candidates

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Step from boundary to boundary; no random number is drawn."""
        from pipeline.attacks.deepfool_steps import walk

        return walk(problem, self, tick)
