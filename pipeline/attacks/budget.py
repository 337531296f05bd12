"""The values an attack may be given, and the refusals of all others."""

import math
from enum import StrEnum

from pipeline.errors import BadAttack

# The L2 length of black to white over 1024 x 1024 pixels: nothing can be further apart.
MAX_L2 = 1024.0

LOSSES = {"ce": 2, "margin": 2, "dlr": 3}
"""What a gradient attack may climb, and how many classes that needs; `losses.py` has the formulas."""

FP32, BF16 = "fp32", "bf16"
PRECISIONS = (FP32, BF16)
"""In which numbers gradients may be taken; success is always judged in the first."""


class Norm(StrEnum):
    """How the size of a perturbation is measured, in pixels of [0, 1]."""

    LINF = "linf"
    L2 = "l2"


def check_eps(eps: object, norm: Norm) -> float:
    """The radius as a number.

    Raises:
        BadAttack: not a number, NaN, negative, or larger than any perturbation can be.
    """
    highest = 1.0 if norm is Norm.LINF else MAX_L2
    if not _is_number(eps) or not 0 <= eps <= highest:  # type: ignore[operator]  # the first half proves it
        hint = "give a fraction of the pixel range, such as 8/255 = 0.0314" if norm is Norm.LINF else "such as 1.0"
        raise BadAttack(f"eps {eps!r}; a {norm} radius lies within [0, {highest:g}]: {hint}")
    return float(eps)  # type: ignore[arg-type]


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Refuse what is not a number within [low, high].

    Raises:
        BadAttack: the value is of another type, NaN or outside.
    """
    if not _is_number(value) or not low <= value <= high:  # type: ignore[operator]
        raise BadAttack(f"{name} {value!r}; give a number within [{low:g}, {high:g}]")


def check_count(name: str, value: object, high: int, *, low: int = 1) -> None:
    """Refuse what is not a whole number within [low, high].

    Raises:
        BadAttack: the value is of another type or outside.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadAttack(f"{name} {value!r}; give a whole number within [{low}, {high}]")


def check_flag(name: str, value: object) -> None:
    """Refuse what is neither true nor false.

    Raises:
        BadAttack: the value is of another type.
    """
    if not isinstance(value, bool):
        raise BadAttack(f"{name} {value!r}; give true or false")


def check_loss(loss: object) -> None:
    """Refuse what is not the name of a loss.

    Raises:
        BadAttack: there is no such loss.
    """
    if not isinstance(loss, str) or loss not in LOSSES:
        raise BadAttack(f"loss {loss!r}; give one of {', '.join(LOSSES)}")


def check_precision(precision: object) -> None:
    """Refuse what is not the name of a precision.

    Raises:
        BadAttack: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise BadAttack(f"precision {precision!r}; give one of {', '.join(PRECISIONS)}")


def _is_number(value: object) -> bool:
    # A comparison takes whole numbers of any length, where math.isfinite overflows.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
