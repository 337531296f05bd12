"""The false-alarm rate that figures are given at."""

from detector.conformal import require_support, supported_alpha
from pipeline.detection.refusals import as_pipeline_errors


def checked_alpha(n: int, alpha: float | None) -> float:
    """The rate asked for, or without one 1 %, or the smallest on offer that n calibration scans support.

    Raises:
        NotEnoughClean: n scans cannot support `alpha`.
    """
    if alpha is None:
        return supported_alpha(n)
    with as_pipeline_errors():
        require_support(n, alpha)
    return alpha
