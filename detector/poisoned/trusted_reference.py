"""Where a model that saw trusted samples alone contradicts the label."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from detector.conformal import false_alarm_band, n_allowed, supports, threshold
from detector.poisoned.interface import Evidence, Finder, Finding, require_trusted

_FLOOR = 1e-7  # Below it float32 probabilities say nothing more.


def contradiction(probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much likelier than its label (n,) the best other class of a sample is: log-odds (n,), float64.

    Above 0 another class is predicted. Unlike 1 - p(label) it still tells samples apart where p(label) is near 0.
    """
    logs = np.log(np.maximum(probs.astype(np.float64), _FLOOR))
    rows = np.arange(len(labels))
    given = logs[rows, labels]
    logs[rows, labels] = -np.inf
    odds: np.ndarray = logs.max(1) - given
    return odds


@dataclass(frozen=True, kw_only=True)
class TrustedReference(Finder):
    """Disagreement between the label and a model that learned from the trusted samples alone.

    The check that our measurements put first of all: poison had no part in that model, so it neither learned the
    trigger nor the flips. The threshold is conformal, Bates et al. 2021, arXiv:2104.08279: the trusted samples are
    scored by models that did not learn from them, and whoever stands above all but a share `alpha` of them, and is
    believed to be of another class, is flagged. What differs: those models learned from fewer samples than the one
    that scores the rest, so that the ranks are not quite exchangeable and the rate of false alarms is rather lower.

    Attributes:
        alpha: share of samples with right labels that may be flagged. Where the trusted samples are too few for it, the
            smallest rate that they allow, 1/(m + 1), stands in its place, and the facts say so.
    """

    NAME: ClassVar[str] = "trusted reference"
    SOURCE: ClassVar[str] = "this project; conformal ranks as in Bates et al. 2021, arXiv:2104.08279"
    NEEDS: ClassVar[tuple[str, ...]] = ("reference_probs",)

    alpha: float = 0.01

    def _find(self, evidence: Evidence) -> Finding:
        require_trusted(evidence)
        probs = evidence.require("reference_probs", of=self.NAME)
        score = contradiction(probs, evidence.labels)
        calibration = np.sort(score[evidence.trusted])
        m = len(calibration)
        alpha = self.alpha if n_allowed(m, self.alpha) else 1 / (m + 1)
        tau = max(0.0, threshold(calibration, alpha))
        low, high = false_alarm_band(m, alpha)
        facts = {
            "n_trusted": m,
            "alpha_asked": self.alpha,
            "alpha": alpha,
            "supported": supports(m, self.alpha),
            "false_alarms_95": [low, high],
            "threshold": tau,
            "reference_accuracy_on_trusted": float((calibration < 0).mean()),
        }
        suggested = probs.argmax(1).astype(np.int64)
        return Finding(finder=self.NAME, score=score, flagged=score > tau, facts=facts, suggested=suggested)
