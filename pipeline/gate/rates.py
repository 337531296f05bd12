"""The two thresholds of a gate, checked: up to the first a scan is adversarial, up to the second uncertain."""

from detector.conformal import require_support
from pipeline.detection.rates import MAX_ALPHA, usual_uncertain
from pipeline.detection.refusals import as_pipeline_errors
from pipeline.errors import BadRate


def checked_rates(n: int, alpha: float, alpha_uncertain: float | None) -> float:
    """The p-value up to which a scan is uncertain, once n calibration scans are known to support `alpha`.

    Twice `alpha` where none is given; `alpha` itself makes a gate that is never uncertain.

    Raises:
        NotEnoughClean: n scans cannot support `alpha`; names the rate that they do.
        BadRate: `alpha_uncertain` is below `alpha`, or above one half.
    """
    with as_pipeline_errors():
        require_support(n, alpha)
    uncertain = usual_uncertain(alpha) if alpha_uncertain is None else alpha_uncertain
    if not alpha <= uncertain <= MAX_ALPHA:
        raise BadRate(f"alpha_uncertain {uncertain:g}; give {alpha:g} (alpha) to {MAX_ALPHA}")
    return uncertain
