"""Carlini and Wagner's attack on logits with one class more: "detected"."""

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
class AugmentedCW(AdaptiveAttack):
    """Adam in tanh space on |x_adv - x|^2 + c * max(0, kappa - margin) of a target among K + 1 logits.

    Carlini and Wagner 2017, arXiv:1705.07263, section 3.2, see `view.AugmentedView` for the logits. It differs in this:
    tanh space is that of the ball under Linf cut by the box, not of the box alone; c grows while an image fails, as in
    `cw_descent`; and a restart aims at the next likely wrong class.

    Attributes:
        kappa: the margin to reach, of augmented logits.
        lr: Adam's step in tanh space.
        straight_through: let slopes pass through rounding and cutting, see `StraightThrough`.
    """

    NAME: ClassVar[str] = "augmented_cw"
    TITLE: ClassVar[str] = "Carlini-Wagner on logits with the class 'detected'"

    kappa: float = 0.1
    lr: float = 0.1
    straight_through: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("kappa", self.kappa, 0, 1e6)
        check_number("lr", self.lr, 1e-6, 10)
        check_flag("straight_through", self.straight_through)

    def solve(self, problem: "GateProblem", seeds: Sequence[int], tick: Tick) -> "GateResult":  # type: ignore[override]
        """Descend towards one class after the other."""
        from pipeline.attacks.adaptive.augmented_steps import descend

        return descend(problem, self, seeds, tick)
