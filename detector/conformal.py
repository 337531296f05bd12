"""Thresholds from clean images alone: conformal p-values and what a number of images can promise.

Bates et al. 2021, arXiv:2104.08279, sections 1 and 2. Valid for scans exchangeable with the calibration
images: it promises nothing about another scanner, and nothing about how many attacks are found.
"""

from math import ceil, floor

import numpy as np
from scipy.stats import beta, betabinom

from detector.errors import NotEnoughClean

OFFERED_ALPHAS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""False-alarm rates that an administrator is offered when the one asked for cannot be supported."""

_USUAL_ALPHA = 0.01
_MIN_EXPECTED_ALARMS = 3
_WIDE_ENOUGH = 40  # So many scans above the threshold, and the band is far inside its bound.
_ROUNDING = 1e-9


def p_values(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The share of calibration images at least as suspicious, the image itself counted in.

    p = (1 + number of calibration scores >= score) / (n + 1); a tie counts against suspicion. A score
    that is not a number gives a p-value that is not a number.

    Args:
        calibration: (n,), sorted upwards.
        scores: (N,).
    """
    n = len(calibration)
    at_least = n - np.searchsorted(calibration, scores, side="left")
    p: np.ndarray = np.where(np.isnan(scores), np.nan, (1 + at_least) / (n + 1))
    return p


def alarms(p: float, alpha: float) -> bool:
    """Whether a p-value falls under the rate alpha; one that is not a number does not."""
    return p <= alpha + _ROUNDING


def threshold(calibration: np.ndarray, alpha: float) -> float:
    """The score above which, and not at which, an image is flagged at the rate alpha; infinite where none is.

    Args:
        calibration: (n,), sorted upwards.
        alpha: false-alarm rate.
    """
    k = n_allowed(len(calibration), alpha)
    return float("inf") if k == 0 else float(calibration[len(calibration) - k])


def n_allowed(n: int, alpha: float) -> int:
    """How many of n + 1 exchangeable images can be flagged at p <= alpha."""
    return floor(alpha * (n + 1) + _ROUNDING)


def false_alarm_band(n: int, alpha: float, *, level: float = 0.95) -> tuple[float, float]:
    """Where the realised false-alarm rate lies with probability `level`, given n calibration images.

    Over the draw of the calibration images the realised rate is Beta(k, n + 1 - k), k = floor(alpha (n + 1)).
    """
    k = n_allowed(n, alpha)
    if k == 0:
        return 0.0, 0.0
    tail = (1 - level) / 2
    return float(beta.ppf(tail, k, n + 1 - k)), float(beta.ppf(1 - tail, k, n + 1 - k))


def flagged_range(n: int, alpha: float, n_seen: int, *, level: float = 0.95) -> tuple[float, float]:
    """Between which shares of n_seen further clean images are flagged with probability `level`.

    Wider than `false_alarm_band`, since the further images are a draw too: the count is beta-binomial.
    """
    k = n_allowed(n, alpha)
    if k == 0 or n_seen == 0:
        return 0.0, 0.0
    tail = (1 - level) / 2
    low, high = betabinom.ppf([tail, 1 - tail], n_seen, k, n + 1 - k)
    return float(low) / n_seen, float(high) / n_seen


def supports(n: int, alpha: float) -> bool:
    """Whether n clean images can promise the rate alpha.

    Our rule: at least three calibration images stand above the threshold, so that it does not hang on
    the one strangest scan, and the band ends below 2 alpha + 0.5 %. For 1 % that asks for 300 images.
    """
    return n * alpha >= _MIN_EXPECTED_ALARMS - _ROUNDING and false_alarm_band(n, alpha)[1] <= 2 * alpha + 0.005


def require_support(n: int, alpha: float) -> None:
    """Refuse a false-alarm rate that n clean images cannot support.

    Raises:
        NotEnoughClean: alpha is out of (0, 0.5], or n is too small; names the smallest rate on offer.
    """
    if not 0 < alpha <= 0.5:
        raise NotEnoughClean(f"false-alarm rate {alpha}: expected within (0, 0.5], for instance 0.01")
    if supports(n, alpha):
        return
    supported = next((offer for offer in OFFERED_ALPHAS if offer > alpha and supports(n, offer)), None)
    way_out = f"choose {_told(supported)} or more, or" if supported is not None else "no offered rate is supported:"
    low, high = false_alarm_band(n, alpha)
    realised = (
        f"the realised rate would lie anywhere in {100 * low:.1f} % to {100 * high:.1f} %"
        if high
        else "nothing would be flagged"
    )
    raise NotEnoughClean(
        f"{n} clean calibration images cannot support a false-alarm rate of {_told(alpha)}: {realised}; {way_out} "
        f"calibrate on at least {n_needed(alpha)} clean images",
        supported_alpha=supported,
    )


def _told(alpha: float) -> str:
    """As the API and the command line take it, and as forms do."""
    return f"{alpha:g} ({100 * alpha:g} %)"


def supported_alpha(n: int) -> float:
    """The smallest rate on offer, from 1 % on, that n clean images support; the largest where they support none."""
    return next((offer for offer in OFFERED_ALPHAS if offer >= _USUAL_ALPHA and supports(n, offer)), OFFERED_ALPHAS[-1])


def n_needed(alpha: float) -> int:
    """The smallest number of clean images from which on alpha is supported.

    With one more image the band is narrower, but where one more of them may be flagged: there it widens for a moment,
    and 80 images do not support the 5 % that 70 do. So it is looked at there.
    """
    steps = [ceil(k / alpha - 1 - _ROUNDING) for k in range(_MIN_EXPECTED_ALARMS, _WIDE_ENOUGH)]
    n = max((step for step in steps if not supports(step, alpha)), default=floor(_MIN_EXPECTED_ALARMS / alpha))
    while not supports(n, alpha):
        n += 1
    return n
