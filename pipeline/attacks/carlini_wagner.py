"""The attack of Carlini and Wagner: the smallest L2 change that fools."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import MAX_STEPS, Attack, Tick
from pipeline.attacks.budget import Norm, check_count, check_eps, check_flag, check_number

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult


@dataclass(frozen=True, kw_only=True)
class CarliniWagner(Attack):
    """min |x_adv - x|^2 + c * max(0, kappa - margin), with a search over c for each image.

    Carlini and Wagner 2017, arXiv:1608.04644, in tanh space, by Adam. With `search_steps` it is theirs: c grows tenfold
    until the first success; afterwards the middle between the largest c that failed and the smallest that fooled is
    tried, each with a run of Adam of its own. Without them there is one run, in which c falls a little after every step
    that fools and grows after every other, while Adam's step shrinks: `docs/results/attacks.md` has what that costs and
    how near it ends, beside the usual 9 x 100 steps.

    Attributes:
        eps: a bound on the L2 change, in pixel units; None for none.
        kappa: the margin in logits that a success of the search must have; the file needs to fool alone.
        lr: Adam's step in tanh space; the first of them in a single run.
        steps: Adam steps, of the single run or for each value of c.
        c_first: the first value of c; None takes that of the least change of a linear model, image by image.
        search_steps: values of c that are tried one after the other; 0 for the single run.
        warm_start: with `search_steps`, begin the next value of c where the last one ended, not at the image.
        abort_early: with `search_steps`, an image whose loss has stopped falling leaves that value of c.
        shrink: keeps pixels of 0 and 1 off the flat ends of tanh. The authors' own is 0.999999, with which a black
            background hardly moves; what is changed is added to the image, so that none moves a pixel by itself.
    """

    NAME: ClassVar[str] = "cw"
    TITLE: ClassVar[str] = "Carlini-Wagner, least Euclidean change"
    TYPE: ClassVar[str] = "cw"
    NORM: ClassVar[Norm] = Norm.L2
    BOUNDED: ClassVar[bool] = False

    eps: float | None = None
    kappa: float = 0.0
    lr: float = 0.05
    steps: int = 100
    c_first: float | None = None
    search_steps: int = 0
    warm_start: bool = True
    abort_early: bool = True
    shrink: float = 0.9

    def __post_init__(self) -> None:
        if self.eps is not None:
            check_eps(self.eps, self.NORM)
        check_number("kappa", self.kappa, 0, 1e6)
        check_number("lr", self.lr, 1e-6, 10)
        check_count("search_steps", self.search_steps, 100, low=0)
        check_count("steps", self.steps, MAX_STEPS)
        if self.c_first is not None:
            check_number("c_first", self.c_first, 1e-9, 1e9)
        check_number("shrink", self.shrink, 0.5, 0.9999999)
        check_flag("warm_start", self.warm_start)
        check_flag("abort_early", self.abort_early)

    @property
    def n_gradients(self) -> int:
        """One an Adam step, if no image leaves early, and one for the first c."""
        return max(self.search_steps, 1) * self.steps + (self.c_first is None)

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Search c; no random number is drawn."""
        from pipeline.attacks.cw_bisection import bisect
        from pipeline.attacks.cw_descent import descend

        return (bisect if self.search_steps else descend)(problem, self, tick)
