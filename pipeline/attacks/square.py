"""The Square attack: a random search for squares of extreme change, which needs no gradient."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import MAX_STEPS, Attack, Tick
from pipeline.attacks.budget import Norm, check_count, check_eps, check_number

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult


@dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """From stripes of +-eps; each query sets one square to +-eps a channel and keeps it if the margin grows.

    Andriushchenko et al. 2020, arXiv:1912.00049, algorithms 1 and 2. It sees logits only, so a
    gradient that is masked does not stop it. A square covers a share p of the pixels, which begins at
    `p_init` and is halved on the paper's schedule for 10,000 queries, rescaled to `n_queries`.

    It differs in this: the squares lie in the smallest rectangle that holds all pixels that may change; a
    square that would change nothing is given the other signs; and the margin is climbed towards a target
    as well, where the paper takes the cross entropy. An image rests at its first success.

    Attributes:
        eps: the radius.
        n_queries: forward passes an image, the first stripes included.
        p_init: share of the pixels in the first squares.
    """

    NAME: ClassVar[str] = "square"
    TITLE: ClassVar[str] = "Square, a random search without gradients"
    TYPE: ClassVar[str] = "square"
    NORM: ClassVar[Norm] = Norm.LINF
    GRADIENT_FREE: ClassVar[bool] = True

    eps: float = 8 / 255
    n_queries: int = 5000
    p_init: float = 0.8

    def __post_init__(self) -> None:
        check_eps(self.eps, self.NORM)
        check_count("n_queries", self.n_queries, MAX_STEPS)
        check_number("p_init", self.p_init, 0, 1)

    @property
    def n_gradients(self) -> int:
        """None; but its queries are forward passes, three of which take as long as a gradient."""
        return -(-self.n_queries // 3)

    @property
    def objective(self) -> str:
        """The margin, which it climbs without a slope."""
        return "margin"

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Search until the model is fooled."""
        from pipeline.attacks.square_search import search

        return search(problem, self, seeds, tick)
