"""Labels that models which did not learn from them do not believe."""

from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from detector.errors import NotEnoughSamples
from detector.poisoned.interface import Evidence, Finder, Finding

_PAIRS_SHOWN = 5
_ONE_AT_A_TIME = Lock()  # cleanlab keeps what it prunes in module globals.


@dataclass(frozen=True, kw_only=True)
class ConfidentLabels(Finder):
    """Label errors by confident learning, from out-of-fold probabilities.

    Northcutt et al. 2021, arXiv:1911.00068, as cleanlab 2.9.0 has it: prune by noise rate, scores by self-confidence.
    What differs: trusted samples are never flagged, and the facts say where nothing can be found. Where a share r of
    class s is labelled t, one of its samples carries s rather than t with odds (1 - r) : r. At r = .5 these are even
    and labels alone rank nobody; a pair of classes whose estimated r comes near is named as not identifiable. It does
    not see backdoors whose trigger the models of the other folds learned as well.

    Attributes:
        filter_by: of `cleanlab.filter.find_label_issues`.
        not_identifiable_from: estimated share of class s that is labelled t. The estimate comes out low, since classes
            that are mixed up blur each other: on digits it was .15 where .20 had been flipped, .41 where .50.
    """

    NAME: ClassVar[str] = "confident labels"
    SOURCE: ClassVar[str] = "Northcutt et al. 2021, arXiv:1911.00068; cleanlab 2.9.0"
    NEEDS: ClassVar[tuple[str, ...]] = ("probs",)

    filter_by: str = "prune_by_noise_rate"
    not_identifiable_from: float = 0.35

    def _find(self, evidence: Evidence) -> Finding:
        # On demand: it takes seconds to import. Its Datalab, which looks for another `datasets`, is left alone.
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        probs, labels = evidence.require("probs", of=self.NAME).astype(np.float64), evidence.labels
        probs = probs / probs.sum(1, keepdims=True)
        present = np.unique(labels)
        if len(present) < 2:
            raise NotEnoughSamples(
                f"{self.NAME}: all samples are labelled {present[0]}; expected at least two classes: import the others"
            )
        with _ONE_AT_A_TIME:
            issues = find_label_issues(
                labels, probs, filter_by=self.filter_by, frac_noise=1.0, min_examples_per_class=1, n_jobs=1
            )
        quality = get_label_quality_scores(labels, probs, method="self_confidence", adjust_pred_probs=False)
        pairs = self._pairs(labels, probs)
        return Finding(
            finder=self.NAME,
            score=1 - np.asarray(quality, np.float64),
            flagged=np.asarray(issues, bool),
            facts={
                "filter_by": self.filter_by,
                "pairs": pairs[:_PAIRS_SHOWN],
                "not_identifiable": [p for p in pairs if p["share_of_true"] >= self.not_identifiable_from],
            },
            suggested=probs.argmax(1).astype(np.int64),
        )

    def _pairs(self, labels: np.ndarray, probs: np.ndarray) -> list[dict[str, Any]]:
        """The (given, true) pairs by the estimated share of the true class that is labelled so, the largest first."""
        from cleanlab.count import estimate_joint

        joint = np.asarray(estimate_joint(labels, probs), np.float64)  # (given, true)
        shares = joint / np.maximum(joint.sum(0), 1e-12)
        np.fill_diagonal(shares, 0.0)
        order = np.argsort(-shares, axis=None, kind="stable")
        cells = [divmod(int(cell), len(joint)) for cell in order if shares.flat[cell] > 0]
        return [
            {
                "given": given,
                "suggested": true,
                "share_of_true": float(shares[given, true]),
                "share_of_given": float(joint[given, true] / max(joint[given].sum(), 1e-12)),
            }
            for given, true in cells
        ]
