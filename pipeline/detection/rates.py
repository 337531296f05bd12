"""The false-alarm rates that figures are given at."""

from detector.conformal import require_support, supported_alpha
from pipeline.detection.refusals import as_pipeline_errors

MAX_ALPHA = 0.5


def usual_uncertain(alpha: float) -> float:
    """Up to which p-value a scan is uncertain where nobody chose: twice `alpha`."""
    return min(2 * alpha, MAX_ALPHA)


def checked_alpha(n: int, alpha: float | None) -> float:
    """The rate asked for, or without one 1 %, or the smallest on offer that n calibration scans support.

    Where they support none it is the largest on offer, so that a detector of a few scans can be judged, with its band;
    no gate of it can be released.

    Raises:
        NotEnoughClean: n scans cannot support `alpha`.
    """
    if alpha is None:
        return supported_alpha(n)
    with as_pipeline_errors():
        require_support(n, alpha)
    return alpha
