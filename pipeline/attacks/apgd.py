"""Auto-PGD: projected gradient ascent with momentum that finds its own step, from Croce and Hein."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import MAX_STEPS, Attack, Tick
from pipeline.attacks.budget import Norm, check_count, check_eps, check_flag, check_loss, check_number
from pipeline.errors import BadAttack

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult

MAX_RESTARTS = 1000
MAX_TARGETS = 1000
STARTS = ("random", "clean")


@dataclass(frozen=True, kw_only=True)
class AutoPGD(Attack):
    """What all variants of Auto-PGD share.

    z = project(x_k + eta * direction(gradient)), x_{k+1} = project(x_k + .75 (z - x_k) + .25 (x_k - x_{k-1})),
    from eta = 2 eps. At checkpoints, which come closer and closer, an image that has not climbed in
    a share `rho` of its steps, or has no better point at an unchanged eta, goes back to its best point and
    halves eta. Croce and Hein 2020, arXiv:2003.01690, algorithm 1.

    It differs in what it gives: of all points that fooled the model the one of highest loss; the
    point of highest loss where none did. Equal losses, as of a very sure model, are told apart by the margin.

    Attributes:
        eps: the radius.
        steps: gradient steps from each start.
        restarts: how many starts; those after the first only for images that no start has fooled.
        rho: the share of steps that must have climbed.
        start: "random", or "clean" to begin at the image.
        stop_on_success: an image rests at its first success; without it it goes on to a higher loss.
    """

    TYPE: ClassVar[str] = "apgd"
    TAKES_BF16: ClassVar[bool] = True

    eps: float = 8 / 255
    steps: int = 100
    restarts: int = 1
    rho: float = 0.75
    start: str = "random"
    stop_on_success: bool = False

    def __post_init__(self) -> None:
        check_eps(self.eps, self.NORM)
        check_count("steps", self.steps, MAX_STEPS)
        check_count("restarts", self.restarts, MAX_RESTARTS)
        check_number("rho", self.rho, 0, 1)
        if self.start not in STARTS:
            raise BadAttack(f"start {self.start!r}; give one of {', '.join(STARTS)}")
        if self.start == "clean" and self.restarts > 1:
            raise BadAttack(f"{self.restarts} restarts from the clean image are the same; give 1, or a random start")
        check_flag("stop_on_success", self.stop_on_success)

    @property
    def n_gradients(self) -> int:
        """One a step from every start."""
        return self.restarts * self.steps


@dataclass(frozen=True, kw_only=True)
class APGD(AutoPGD):
    """Auto-PGD under Linf; `loss` is one of "ce", "margin" and "dlr", towards the target where there is one."""

    NAME: ClassVar[str] = "apgd"
    TITLE: ClassVar[str] = "Auto-PGD, finds its own step"
    NORM: ClassVar[Norm] = Norm.LINF

    loss: str = "ce"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_loss(self.loss)

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Climb from each start."""
        from pipeline.attacks.apgd_search import search

        return search(problem, self, seeds, tick)


@dataclass(frozen=True, kw_only=True)
class APGDL2(APGD):
    """Auto-PGD under L2, from a start uniform by volume in the ball; `eps` is a length, with pixels in [0, 1]."""

    NAME: ClassVar[str] = "apgd_l2"
    TITLE: ClassVar[str] = "Auto-PGD in the Euclidean norm"
    NORM: ClassVar[Norm] = Norm.L2

    eps: float = 1.0


@dataclass(frozen=True, kw_only=True)
class APGDT(AutoPGD):
    """Auto-PGD towards each of the `n_targets` likeliest wrong classes in turn; any wrong class is a success.

    The loss is the targeted difference of logits ratio, or the targeted margin where there are fewer
    than four classes, which that ratio needs. A class is tried only on images that none before has fooled;
    with K classes there are at most K - 1 to try. A target that is given is the only one.
    """

    NAME: ClassVar[str] = "apgd_t"
    TITLE: ClassVar[str] = "Auto-PGD towards each likely class in turn"
    NORM: ClassVar[Norm] = Norm.LINF

    n_targets: int = 9

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("n_targets", self.n_targets, MAX_TARGETS)

    @property
    def n_gradients(self) -> int:
        """One a step from every start towards every target."""
        return super().n_gradients * self.n_targets

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Climb towards one class after the other."""
        from pipeline.attacks.apgd_search import search_targets

        return search_targets(problem, self, seeds, tick)
