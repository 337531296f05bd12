"""Radii as people write them: in n/255 where each pixel is bounded, as a length where the whole change is."""

import math

from pipeline.attacks.budget import Norm
from pipeline.attacks.registry import ATTACKS

_LEVELS = 255
# Kept in single precision, n/255 is no whole number of levels by less than this.
_ROUNDED = 1e-4


def radius_words(eps: float | None, attack: str) -> str:
    """The radius of an attack by its registered name, or that the attack finds its own.

    An attack that is not registered bounds each pixel, as far as is known.
    """
    if eps is None or not math.isfinite(eps) or eps <= 0:
        return "its own"
    if attack in ATTACKS and ATTACKS[attack].NORM is Norm.L2:
        return f"length {eps:g}"
    level = eps * _LEVELS
    return f"{round(level)}/255" if abs(level - round(level)) <= _ROUNDED else f"{level:.3g}/255"
