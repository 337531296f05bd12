"""The fast gradient method: one step to the edge of the ball, under Linf and under L2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import Attack, Tick
from pipeline.attacks.budget import Norm, check_eps, check_loss

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult


@dataclass(frozen=True, kw_only=True)
class FGSM(Attack):
    """x + eps * sign(gradient), clipped to the box.

    Goodfellow et al. 2015, arXiv:1412.6572, with the given label, never the model's own guess.
    """

    NAME: ClassVar[str] = "fgsm"
    TITLE: ClassVar[str] = "FGSM, one step"
    TYPE: ClassVar[str] = "fgsm"
    NORM: ClassVar[Norm] = Norm.LINF
    TAKES_BF16: ClassVar[bool] = True

    eps: float = 8 / 255
    loss: str = "ce"

    def __post_init__(self) -> None:
        check_eps(self.eps, self.NORM)
        check_loss(self.loss)

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


@dataclass(frozen=True, kw_only=True)
class FGML2(FGSM):
    """x + eps * gradient / |gradient|, clipped to the box: the steepest single step under L2.

    Goodfellow et al. 2015, arXiv:1412.6572, section 4, with the L2 norm in place of the largest. `eps` is the L2 length
    of the change, with pixels in [0, 1].
    """

    NAME: ClassVar[str] = "fgm_l2"
    TITLE: ClassVar[str] = "FGM, one step in the Euclidean norm"
    NORM: ClassVar[Norm] = Norm.L2

    eps: float = 1.0

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """One step of length eps from the clean image."""
        from pipeline.attacks.ascent import Climb, ascend, l2_unit
        from pipeline.attacks.projections import project_l2

        climb = Climb(steps=1, alpha=problem.eps, direction=l2_unit, project=project_l2)
        return ascend(problem, problem.x, climb, tick)
