"""Figures of several seeds as one."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEGEND = (
    "Figures are means over the seeds; behind ± half of the 95 % interval of that mean by Student's t, in brackets the "
    "lowest and the highest."
)
_LEVEL = 0.95


def over_seeds(values: Sequence[float], form: str) -> str:
    """The mean with half of its 95 % interval, where two seeds or more make one, and the lowest and the highest.

    Args:
        values: one a seed, at least one.
        form: how numbers are written, such as ".2%".
    """
    between = f"({min(values):{form}} to {max(values):{form}})"
    if len(values) == 1:
        return f"{values[0]:{form}} {between}"
    half = stats.t.ppf((1 + _LEVEL) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):{form}} ± {half:{form}} {between}"
