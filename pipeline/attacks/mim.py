"""The momentum iterative method: sign steps along a remembered gradient."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import IterativeAttack, Tick
from pipeline.attacks.budget import Norm, check_number

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult


@dataclass(frozen=True, kw_only=True)
class MIM(IterativeAttack):
    """m <- mu * m + gradient / |gradient|_1, then x <- project(x + alpha * sign(m)), from the clean image.

    Dong et al. 2018, arXiv:1710.06081; alpha is eps / steps by default, as there.
    """

    NAME: ClassVar[str] = "mim"
    TITLE: ClassVar[str] = "MIM, with momentum"
    TYPE: ClassVar[str] = "mim"
    NORM: ClassVar[Norm] = Norm.LINF

    mu: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("mu", self.mu, 0, 10)

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Climb from the clean image."""
        from pipeline.attacks.ascent import Climb, Momentum, ascend, step_lengths
        from pipeline.attacks.projections import project_linf

        climb = Climb(
            steps=self.steps,
            alpha=step_lengths(problem, self.alpha, share=1 / self.steps),
            direction=Momentum(problem.x, self.mu),
            project=project_linf,
            stop_on_success=self.stop_on_success,
        )
        return ascend(problem, problem.x, climb, tick)
