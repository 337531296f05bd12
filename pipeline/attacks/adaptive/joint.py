"""PGD on a joint loss of classifier and detector, with a search for the weight between them."""

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
class JointPGD(AdaptiveAttack):
    """Sign steps up margin + lambda * room, where the room is tau - score.

    Carlini and Wagner 2017, arXiv:1705.07263, and Tramer et al. 2020, arXiv:2002.08347. It differs in this: lambda is
    searched for each image while it climbs, see `aims.Weighed`, from another value in each restart, and it weighs
    slopes of equal length.

    Attributes:
        first: lambda in the first restart; it is four times and a quarter of that in the next two, and so on.
        straight_through: let slopes pass through rounding and cutting, see `StraightThrough`.
    """

    NAME: ClassVar[str] = "joint_pgd"
    TITLE: ClassVar[str] = "PGD on classifier and detector, weighed by a search"

    first: float = 1.0
    straight_through: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("first", self.first, 1e-3, 1e3)
        check_flag("straight_through", self.straight_through)

    def solve(self, problem: "GateProblem", seeds: Sequence[int], tick: Tick) -> "GateResult":  # type: ignore[override]
        """Climb both slopes at once."""
        from pipeline.attacks.adaptive.aims import Weighed
        from pipeline.attacks.adaptive.climb import climb

        def aim_of(restart: int) -> Weighed:
            return Weighed(problem, self.first * first_factor(restart), lambda part, rows, point: part.slopes(point))

        return climb(problem, self, seeds, tick, aim_of)


def first_factor(restart: int) -> float:
    """1, 4, 1/4, 1, ... for the restarts."""
    return (1.0, 4.0, 0.25)[restart % 3]
