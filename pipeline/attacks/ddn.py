"""DDN: direction and length of the perturbation, learnt apart from each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import MAX_STEPS, Attack, Tick
from pipeline.attacks.budget import Norm, check_count, check_eps, check_loss, check_number

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult

MAX_LEVELS = 65536


@dataclass(frozen=True, kw_only=True)
class DDN(Attack):
    """delta <- delta + a_k * g / |g|, then delta <- rho * delta / |delta|, rho smaller after a success, else larger.

    Rony et al. 2019, arXiv:1811.09600, algorithm 1. The length rho changes by the factor
    1 - gamma or 1 + gamma, a_k falls from 1 to 0.01 along a cosine. The nearest success is
    kept. Different from the authors' code: the last iterate is judged too, and an image
    without a slope is reported instead of moved at random.

    Attributes:
        eps: a bound on the L2 change, in pixel units; None for none.
        steps: gradients an image.
        gamma: how much the length changes a step.
        first_length: the first rho, in pixel units.
        levels: round every iterate to that many levels, 256 for a file of 8 bits; None for none.
        loss: what g is the gradient of: "ce", "margin" or "dlr".
    """

    NAME: ClassVar[str] = "ddn"
    TITLE: ClassVar[str] = "DDN, direction and length apart"
    TYPE: ClassVar[str] = "ddn"
    NORM: ClassVar[Norm] = Norm.L2
    BOUNDED: ClassVar[bool] = False
    TAKES_BF16: ClassVar[bool] = True

    eps: float | None = None
    steps: int = 100
    gamma: float = 0.05
    first_length: float = 1.0
    levels: int | None = None
    loss: str = "ce"

    def __post_init__(self) -> None:
        if self.eps is not None:
            check_eps(self.eps, self.NORM)
        check_count("steps", self.steps, MAX_STEPS)
        check_number("gamma", self.gamma, 1e-6, 0.999)
        check_number("first_length", self.first_length, 1e-6, 1024)
        if self.levels is not None:
            check_count("levels", self.levels, MAX_LEVELS, low=2)
        check_loss(self.loss)

    @property
    def n_gradients(self) -> int:
        """One a step."""
        return self.steps

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Turn and rescale; no random number is drawn."""
        from pipeline.attacks.ddn_steps import shorten

        return shorten(problem, self, tick)
