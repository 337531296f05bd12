"""What an attack gives back."""

from dataclasses import dataclass, replace

from torch import Tensor

NOT_FOOLED = "not fooled within the budget"
MASKED = "masked gradient"
FIXED = "no pixel may change"


@dataclass(frozen=True, eq=False)
class AttackResult:
    """One batch after an attack, on floating-point pixels; the file is judged in `run.py`.

    An image that was not fooled holds its last iterate, inside the budget, with its reason.
    """

    x_adv: Tensor  # (N, C, H, W)
    success: Tensor  # (N,) bool
    steps: Tensor  # (N,) int64: gradient steps taken
    reason: tuple[str, ...]  # "" where the attack succeeded


def reasons(success: Tensor, masked: Tensor) -> tuple[str, ...]:
    """Why each image was not fooled, "" where it was."""
    return tuple(
        "" if ok else MASKED if dead else NOT_FOOLED for ok, dead in zip(success.tolist(), masked.tolist(), strict=True)
    )


def told_fixed(result: AttackResult, free: Tensor) -> AttackResult:
    """The same, saying of an image without a free pixel that it has none: its gradient is not masked by the model."""
    movable = free.flatten(1).any(1).tolist()
    told = [why if can or not why else FIXED for why, can in zip(result.reason, movable, strict=True)]
    return replace(result, reason=tuple(told))
