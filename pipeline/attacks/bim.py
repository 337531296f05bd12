"""The basic iterative method: small sign steps from the clean image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import IterativeAttack, Tick
from pipeline.attacks.budget import Norm

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult


@dataclass(frozen=True, kw_only=True)
class BIM(IterativeAttack):
    """x <- project(x + alpha * sign(gradient)), from the clean image; alpha is eps / 4 by default.

    Kurakin et al. 2017, arXiv:1607.02533, with 10 steps whatever eps is, where the paper
    takes more steps for a larger eps.
    """

    NAME: ClassVar[str] = "bim"
    TITLE: ClassVar[str] = "BIM, iterated"
    TYPE: ClassVar[str] = "bim"
    NORM: ClassVar[Norm] = Norm.LINF

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Climb from the clean image."""
        from pipeline.attacks.ascent import Climb, ascend, sign, step_lengths
        from pipeline.attacks.projections import project_linf

        climb = Climb(
            steps=self.steps,
            alpha=step_lengths(problem, self.alpha, share=1 / 4),
            direction=sign,
            project=project_linf,
            stop_on_success=self.stop_on_success,
        )
        return ascend(problem, problem.x, climb, tick)
