"""Orthogonal and selective PGD: one of two slopes a step, kept off the way of the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.adaptive.attack import AdaptiveAttack
from pipeline.attacks.attack import Tick
from pipeline.attacks.budget import check_flag, check_number

if TYPE_CHECKING:
    from pipeline.attacks.adaptive.ledger import GateResult
    from pipeline.attacks.adaptive.problem import GateProblem


@dataclass(frozen=True, kw_only=True)
class SelectivePGD(AdaptiveAttack):
    """Sign steps up the margin until the classifier is wrong, then up the room until it is right again.

    Bryniarski et al. 2021, arXiv:2106.15023, section 4.1, with the margin in place of the cross entropy.

    Attributes:
        slack: by how many logits the classifier must be wrong before the detector's turn comes.
        straight_through: let slopes pass through rounding and cutting, see `StraightThrough`.
    """

    NAME: ClassVar[str] = "selective_pgd"
    TITLE: ClassVar[str] = "Selective PGD, the classifier's slope or the detector's"
    ORTHOGONAL: ClassVar[bool] = False

    slack: float = 0.05
    straight_through: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("slack", self.slack, 0, 1e3)
        check_flag("straight_through", self.straight_through)

    def solve(self, problem: "GateProblem", seeds: Sequence[int], tick: Tick) -> "GateResult":  # type: ignore[override]
        """Climb one slope at a time."""
        from pipeline.attacks.adaptive.aims import Selected
        from pipeline.attacks.adaptive.climb import climb

        aim = Selected(orthogonal=self.ORTHOGONAL, slack=self.slack)
        return climb(problem, self, seeds, tick, lambda restart: aim)


@dataclass(frozen=True, kw_only=True)
class OrthogonalPGD(SelectivePGD):
    """The same, each slope without its part along the other, so that a step for one goal costs the other nothing.

    Bryniarski et al. 2021, arXiv:2106.15023, section 4.2; the sign is taken of the orthogonal slope, as in the authors'
    code, and is orthogonal no more.
    """

    NAME: ClassVar[str] = "orthogonal_pgd"
    TITLE: ClassVar[str] = "Orthogonal PGD, each slope kept off the other's way"
    ORTHOGONAL: ClassVar[bool] = True
