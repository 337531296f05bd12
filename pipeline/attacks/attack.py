"""What every attack is: parameters that can be written down, and a call."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.budget import (
    FP32,
    Norm,
    check_count,
    check_eps,
    check_flag,
    check_loss,
    check_number,
    check_precision,
)

if TYPE_CHECKING:  # Forms and plans read parameters in processes that never load torch.
    from torch import Tensor

    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult
    from pipeline.models.adapter import PixelModel

MAX_STEPS = 100_000

Tick = Callable[[], None]
"""Called after each gradient step of an attack; it may raise to cancel."""

# So few gradients, of one image each, do not win back the time that laying out the weights for them takes.
FEW_GRADIENTS = 2


def no_tick() -> None:
    """Let a step pass."""


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """Parameters of an attack; calling it attacks one batch.

    The result for an image depends on the model, the image, the parameters and the image's
    seed, not on its neighbours in the batch, as far as the model's own arithmetic goes: a
    convolution may round another way for another size of batch, and a few signs of a gradient
    then turn. The model, its gradients and the global random state are as before afterwards,
    also when the call raises.
    """

    NAME: ClassVar[str]
    TITLE: ClassVar[str]  # For people who choose one.
    TYPE: ClassVar[str]  # What a detector calls it; variants of an attack share one type.
    NORM: ClassVar[Norm]
    BOUNDED: ClassVar[bool] = True  # False where the attack looks for the smallest perturbation itself.
    SHORTENED: ClassVar[bool] = True  # Without a radius: False where the file is to hold what was found, just rounded.
    GRADIENT_FREE: ClassVar[bool] = False  # True where only logits are asked for, so that no gradient can be masked.
    TAKES_BF16: ClassVar[bool] = False  # True where its gradients may come from the classifier's bfloat16 twin.

    @property
    @abstractmethod
    def n_gradients(self) -> int:
        """How many gradients an image costs at most."""

    @abstractmethod
    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Attack a checked batch of a frozen model."""

    def __call__(
        self,
        model: "PixelModel",
        x: "Tensor",
        y: "Tensor",
        *,
        target: "Tensor | None" = None,
        eps: "Tensor | None" = None,
        mask: "Tensor | None" = None,
        seeds: Sequence[int],
        precision: str = FP32,
        tick: Tick = no_tick,
    ) -> "AttackResult":
        """Attack one batch.

        Args:
            model: the classifier, whole: pixels in, logits out.
            x: (N, C, H, W) in [0, 1], of any size.
            y: (N,) the classes to get away from.
            target: (N,) the classes to reach; without it any wrong class will do.
            eps: (N,) radius an image, in pixel fractions; without it the attack's own.
            mask: (N, 1, H, W) or (H, W), true where pixels may change.
            seeds: one an image, see `seeding.seed_for`.
            precision: "fp32", or "bf16" for gradients in half the time where the processor has such products;
                success is judged in fp32, and an attack that does not take bf16 runs in fp32.
            tick: called after each gradient step; it may raise to cancel.

        Raises:
            BadAttack: the tensors do not fit each other, or a value is not allowed.
        """
        from pipeline.attacks.problem import guided, pose  # Here, since they load torch.
        from pipeline.attacks.result import told_fixed

        with model.frozen(channels_last=self.lays_out(len(x))):
            problem = pose(self, model, x, y, target=target, eps=eps, mask=mask, n_seeds=len(seeds))
            problem = guided(problem, self.gradients_in(precision))
            return told_fixed(self.solve(problem, seeds, tick), problem.free)

    def lays_out(self, n: int) -> bool:
        """Whether n images are worth the layout of weights and pixels for the fastest gradients."""
        return self.n_gradients * n > FEW_GRADIENTS

    def gradients_in(self, asked: str) -> str:
        """The precision that gradients are taken in where this one is asked for.

        Raises:
            BadAttack: there is no such precision.
        """
        check_precision(asked)
        return asked if self.TAKES_BF16 else FP32

    @property
    def radius(self) -> float:
        """The attack's own eps, infinite where it has none."""
        eps = getattr(self, "eps", None)
        return math.inf if eps is None else float(eps)

    @property
    def objective(self) -> str:
        """The name of the loss that it climbs: its parameter `loss`, where it has one."""
        return str(getattr(self, "loss", "ce"))

    @property
    def margin(self) -> float:
        """The logits by which a success must lead: its parameter `kappa`, where it has one."""
        return float(getattr(self, "kappa", 0.0))

    def check_radius(self, eps: float) -> None:
        """Refuse a radius that the attack cannot have.

        Raises:
            BadAttack: outside the range of its norm; infinite where the attack needs a bound.
        """
        if self.BOUNDED or eps != math.inf:
            check_eps(eps, self.NORM)

    def params(self) -> dict[str, object]:
        """The parameters as JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class IterativeAttack(Attack):
    """Parameters that the attacks of many steps share.

    `alpha` is the step in pixel fractions; None leaves it to the attack, in proportion to
    each image's eps. With `stop_on_success` an image rests at its first success; without it
    all images spend the whole budget, and a detector cannot learn who was easy. `loss` is one
    of "ce", "margin" and "dlr".
    """

    TAKES_BF16: ClassVar[bool] = True

    eps: float = 8 / 255
    alpha: float | None = None
    steps: int = 10
    loss: str = "ce"
    stop_on_success: bool = False

    def __post_init__(self) -> None:
        check_eps(self.eps, self.NORM)
        if self.alpha is not None:
            check_number("alpha", self.alpha, 0, check_eps(1, self.NORM))
        check_count("steps", self.steps, MAX_STEPS)
        check_loss(self.loss)
        check_flag("stop_on_success", self.stop_on_success)

    @property
    def n_gradients(self) -> int:
        """One a step."""
        return self.steps
