"""Projected gradient descent: BIM from a random start, under Linf and under L2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import IterativeAttack, Tick
from pipeline.attacks.budget import Norm

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult


@dataclass(frozen=True, kw_only=True)
class PGD(IterativeAttack):
    """x <- project(x + alpha * sign(gradient)) from a start uniform in the ball, clipped to the box.

    Madry et al. 2018, arXiv:1706.06083, one start; alpha is eps / 4 by default.
    """

    NAME: ClassVar[str] = "pgd"
    TITLE: ClassVar[str] = "PGD, iterated from a random start"
    TYPE: ClassVar[str] = "pgd"
    NORM: ClassVar[Norm] = Norm.LINF

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Climb from a random point."""
        from pipeline.attacks.ascent import Climb, ascend, sign, step_lengths
        from pipeline.attacks.projections import project_linf
        from pipeline.attacks.starts import random_start

        start = random_start(problem, self.NORM, seeds)
        climb = Climb(
            steps=self.steps,
            alpha=step_lengths(problem, self.alpha, share=1 / 4),
            direction=sign,
            project=project_linf,
            stop_on_success=self.stop_on_success,
        )
        return ascend(problem, start, climb, tick)


@dataclass(frozen=True, kw_only=True)
class PGDL2(IterativeAttack):
    """x <- project(x + alpha * gradient / |gradient|) from a start uniform by volume in the L2 ball.

    Madry et al. 2018, arXiv:1706.06083, with a start inside the ball instead of on its
    sphere. `eps` is the L2 length of the change, with pixels in [0, 1]; alpha is eps / 4 by default.
    """

    NAME: ClassVar[str] = "pgd_l2"
    TITLE: ClassVar[str] = "PGD in the Euclidean norm"
    TYPE: ClassVar[str] = "pgd"
    NORM: ClassVar[Norm] = Norm.L2

    eps: float = 1.0

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Climb from a random point."""
        from pipeline.attacks.ascent import Climb, ascend, l2_unit, step_lengths
        from pipeline.attacks.projections import project_l2
        from pipeline.attacks.starts import random_start

        start = random_start(problem, self.NORM, seeds)
        climb = Climb(
            steps=self.steps,
            alpha=step_lengths(problem, self.alpha, share=1 / 4),
            direction=l2_unit,
            project=project_l2,
            stop_on_success=self.stop_on_success,
        )
        return ascend(problem, start, climb, tick)
