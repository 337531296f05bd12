"""What every adaptive attack is: parameters that can be written down, and a call that knows the whole gate."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.attack import MAX_STEPS, Attack, Tick, no_tick
from pipeline.attacks.budget import Norm, check_count, check_eps, check_flag
from pipeline.errors import BadAttack

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.attacks.adaptive.guides import Guides
    from pipeline.attacks.adaptive.ledger import GateResult
    from pipeline.attacks.adaptive.problem import GateProblem
    from pipeline.attacks.adaptive.view import GateView

MAX_RESTARTS = 1000


@dataclass(frozen=True, kw_only=True)
class AdaptiveAttack(Attack):
    """Parameters that all adaptive attacks share.

    The goal is a scan within `eps` (Linf) that the gate accepts and the classifier has wrong, as pixels that a file
    can hold. `restarts` begin at the clean scan, then at random points; `steps` each. With `stop_on_success` an image
    rests once it has surely won.
    """

    NORM: ClassVar[Norm] = Norm.LINF
    TYPE: ClassVar[str] = "adaptive"
    ON_SURROGATE: ClassVar[bool] = False  # True where another gate is attacked than the one that judges.
    NEEDS_GUIDES: ClassVar[bool] = False

    eps: float = 8 / 255
    steps: int = 100
    restarts: int = 3
    stop_on_success: bool = True

    def __post_init__(self) -> None:
        check_eps(self.eps, self.NORM)
        check_count("steps", self.steps, MAX_STEPS)
        check_count("restarts", self.restarts, MAX_RESTARTS)
        check_flag("stop_on_success", self.stop_on_success)

    @property
    def n_gradients(self) -> int:
        """One of classifier and detector a step."""
        return self.steps * self.restarts

    @property
    def straight(self) -> bool:
        """Whether slopes pass straight through what has none: its parameter `straight_through`, where it has one."""
        return bool(getattr(self, "straight_through", False))

    @abstractmethod
    def solve(self, problem: "GateProblem", seeds: Sequence[int], tick: Tick) -> "GateResult":  # type: ignore[override]
        """Attack a checked batch of a frozen gate."""

    def __call__(  # type: ignore[override]
        self,
        view: "GateView",
        x: "Tensor",
        y: "Tensor",
        *,
        levels_max: int = 255,
        guides: "Guides | None" = None,
        mask: "Tensor | None" = None,
        seeds: Sequence[int],
        tick: Tick = no_tick,
    ) -> "GateResult":
        """Attack one batch before a gate.

        Args:
            view: the gate, whole: pixels in, logits and room out.
            x: (N, C, H, W) in [0, 1], on the file's levels, of any size.
            y: (N,) the true classes.
            levels_max: 2**bits - 1 of the files.
            guides: clean scans of every class, for an attack that needs them.
            mask: (N, 1, H, W) or (H, W), true where pixels may change.
            seeds: one an image, see `seeding.seed_for`.
            tick: called after each step; it may raise to cancel.

        Raises:
            BadAttack: the tensors do not fit each other, or guides are missing.
        """
        from pipeline.attacks.adaptive.problem import GateProblem
        from pipeline.attacks.problem import pose

        if self.NEEDS_GUIDES and guides is None:
            raise BadAttack(f"{self.NAME} without guides; give clean scans of each class, see `guides.taken`")
        with view.frozen(channels_last=True):
            posed = pose(self, view, x, y, target=None, eps=None, mask=mask, n_seeds=len(seeds))
            problem = GateProblem(**vars(posed), levels_max=levels_max)
            if guides is not None and self.NEEDS_GUIDES:
                problem = guides.join(problem)
            return self.solve(problem, seeds, tick)
