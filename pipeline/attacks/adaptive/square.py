"""The Square attack before a gate: no slope is asked for, only what is accepted and wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.adaptive.attack import AdaptiveAttack
from pipeline.attacks.attack import Tick
from pipeline.attacks.budget import check_number

if TYPE_CHECKING:
    from pipeline.attacks.adaptive.ledger import GateResult
    from pipeline.attacks.adaptive.problem import GateProblem


@dataclass(frozen=True, kw_only=True)
class GateSquare(AdaptiveAttack):
    """Random squares, each kept if the smaller of margin and room grows.

    Andriushchenko et al. 2020, arXiv:1912.00049, as in `pipeline.attacks.square`. It differs in this: the first restart
    begins at the clean scan, the others at stripes; and a square may also hold no change, since a gate that watches a
    place lets nothing pass that is always at the ball's corners.

    Attributes:
        steps: queries of an image in a restart, the start included.
        p_init: share of the pixels in the first squares.
    """

    NAME: ClassVar[str] = "gate_square"
    TITLE: ClassVar[str] = "Square on accepted and wrong, without gradients"
    GRADIENT_FREE: ClassVar[bool] = True

    steps: int = 1000
    p_init: float = 0.8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("p_init", self.p_init, 0, 1)

    @property
    def n_gradients(self) -> int:
        """None; but its queries are forward passes, three of which take as long as a gradient."""
        return -(-self.steps * self.restarts // 3)

    def solve(self, problem: "GateProblem", seeds: Sequence[int], tick: Tick) -> "GateResult":  # type: ignore[override]
        """Search from another start in each restart."""
        from pipeline.attacks.adaptive.square_steps import search

        return search(problem, self, seeds, tick)
