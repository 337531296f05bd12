"""The fast gradient sign method: one step to the edge of the ball."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import Attack, Tick
from pipeline.attacks.budget import Norm, check_eps

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult


@dataclass(frozen=True, kw_only=True)
class FGSM(Attack):
    """x + eps * sign(gradient), clipped to the box.

    Goodfellow et al. 2015, arXiv:1412.6572, with the given label, never the model's own guess.
    """

    NAME: ClassVar[str] = "fgsm"
    TYPE: ClassVar[str] = "fgsm"
    NORM: ClassVar[Norm] = Norm.LINF

    eps: float = 8 / 255

    def __post_init__(self) -> None:
        check_eps(self.eps, self.NORM)

    @property
    def n_gradients(self) -> int:
        """One."""
        return 1

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """One step of length eps from the clean image."""
        from pipeline.attacks.ascent import Climb, ascend, sign
        from pipeline.attacks.projections import project_linf

        climb = Climb(steps=1, alpha=problem.eps, direction=sign, project=project_linf)
        return ascend(problem, problem.x, climb, tick)
