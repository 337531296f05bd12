"""The Square attack: a random search for windows of change, which needs no gradient; under Linf and under L2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import MAX_STEPS, Attack, Tick
from pipeline.attacks.budget import Norm, check_count, check_eps, check_number

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult


@dataclass(frozen=True, kw_only=True)
class RandomSearch(Attack):
    """What the Square attack is under either norm.

    Each query tries a change in a window at a random place and keeps it if the margin grows. It sees logits only,
    so a gradient that is masked does not stop it. A window covers a share p of the pixels, which begins at `p_init`
    and is halved on the paper's schedule for 10,000 queries, rescaled to `n_queries`. Andriushchenko et al. 2020,
    arXiv:1912.00049, algorithm 1.

    It differs in this: the windows lie in the smallest rectangle that holds all pixels that may change; and the
    margin is climbed towards a target as well, where the paper takes the cross entropy. An image rests at its
    first success.

    Attributes:
        eps: the radius.
        n_queries: forward passes an image, the first point included.
        p_init: share of the pixels in the first windows.
    """

    TYPE: ClassVar[str] = "square"
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


@dataclass(frozen=True, kw_only=True)
class Square(RandomSearch):
    """From stripes of +-eps; each query sets one square to +-eps a channel.

    Algorithm 2 of the paper. A square that would change nothing is given the other signs.
    """

    NAME: ClassVar[str] = "square"
    TITLE: ClassVar[str] = "Square, a random search without gradients"
    NORM: ClassVar[Norm] = Norm.LINF

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Search until the model is fooled."""
        from pipeline.attacks.square_linf import Squares
        from pipeline.attacks.square_search import search

        return search(problem, Squares(), n_queries=self.n_queries, p_init=self.p_init, seeds=seeds, tick=tick)


@dataclass(frozen=True, kw_only=True)
class SquareL2(RandomSearch):
    """From a grid of peaks; each query raises one peak of two signs with the length that another window held.

    Algorithm 3 of the paper; `eps` is the L2 length of the change, with pixels in [0, 1]. The grid has five peaks
    along the longer side and is cut off at the shorter one, where the paper's images are square; and the peaks cover
    only pixels that may change.
    """

    NAME: ClassVar[str] = "square_l2"
    TITLE: ClassVar[str] = "Square in the Euclidean norm"
    NORM: ClassVar[Norm] = Norm.L2

    eps: float = 1.0

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Search until the model is fooled."""
        from pipeline.attacks.square_l2 import Peaks
        from pipeline.attacks.square_search import search

        return search(problem, Peaks(), n_queries=self.n_queries, p_init=self.p_init, seeds=seeds, tick=tick)
