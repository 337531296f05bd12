"""The finder to begin with: what the single finders say, weighed by what each is blind to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from scipy.stats import rankdata

from detector.poisoned.activation_clustering import ActivationClustering
from detector.poisoned.confident_labels import ConfidentLabels
from detector.poisoned.doubted_labels import doubts
from detector.poisoned.interface import Evidence, Finder, Finding
from detector.poisoned.patch_scan import PatchScan
from detector.poisoned.spectral_signatures import SpectralSignatures
from detector.poisoned.trusted_reference import TrustedReference

_ENOUGH_DUE = 8.0  # So many trusted samples due in a natural group, and none there: by chance once in 3,000 groups.


@dataclass(frozen=True, kw_only=True)
class Fused(Finder):
    """Backdoors and flipped labels together, meant to flag at most one clean sample in a hundred.

    Our own, from what the finders do alone (5 % dirty-label patch on digits: label errors find 0 to 1 % of it,
    clustering and reference all of it at 5 to 8 % and 5 to 6 % false alarms, the patch scan all at none). A sample is
    flagged for any of these reasons, each quiet alone on clean data, so that their sum is:

    - stamp: the patch scan hits it. It needs no model and no trusted sample.
    - group: clustering or spectra part it from its class, and something else says that the part is foreign: the
      reference contradicts most of the part's labels, or both methods chose it, or so many trusted samples would be due
      in it that none there is no chance. Clustering alone also parts the writing styles of a clean class.
    - labels: confident learning flags the label and the reference does not believe it either; or the reference flags
      it and the out-of-fold models believe in the same other class. Where there is no reference, confident learning
      alone, by the stricter of its filters.
    - class: the reference contradicts more labels of one class than the trusted samples of that class let expect; then
      all that it firmly contradicts there. This is the backdoor that is no patch and too rare to form a cluster.
    - pair: of two classes that are mixed up so far that labels rank nobody, the reference alone decides.
    - repeated: the label and the class that is believed instead are a pair that honest data do not mix up so often.

    How the last four are weighed against each other, so that honest mistakes are let off, stands with `doubts`. Where
    classes look alike it takes a hundred trusted samples of each, rather than 20, to keep to one in a hundred.

    Evidence that is None is done without, and `facts` say so: without the trusted, blended triggers at 1 % and flips at
    50 % are not found.

    Attributes:
        patch, clustering, spectra, reference, labels: the finders and their parameters.
        strict_labels: the same as `labels` where no reference confirms it.
    """

    NAME: ClassVar[str] = "fused"
    SOURCE: ClassVar[str] = "this project, of the other finders"

    patch: PatchScan = field(default_factory=PatchScan)
    clustering: ActivationClustering = field(default_factory=ActivationClustering)
    spectra: SpectralSignatures = field(default_factory=SpectralSignatures)
    reference: TrustedReference = field(default_factory=TrustedReference)
    labels: ConfidentLabels = field(default_factory=ConfidentLabels)
    strict_labels: ConfidentLabels = field(default_factory=lambda: ConfidentLabels(filter_by="both"))

    def _find(self, evidence: Evidence) -> Finding:
        has_reference = evidence.reference_probs is not None and bool(evidence.trusted.any())
        label_finder = self.labels if has_reference else self.strict_labels
        left_out = {}
        found: dict[str, Finding] = {}
        for name, finder in {
            "patch": self.patch,
            "clustering": self.clustering,
            "spectra": self.spectra,
            "reference": self.reference,
            "labels": label_finder,
        }.items():
            if name == "reference" and not has_reference:
                left_out[name] = "no trusted samples" if not evidence.trusted.any() else "reference_probs not given"
            elif missing := [need for need in finder.NEEDS if getattr(evidence, need) is None]:
                left_out[name] = f"{missing[0]} not given"
            else:
                found[name] = finder.find(evidence)
        doubted = doubts(evidence, found.get("labels"), found.get("reference"))
        groups = list(_groups(evidence, found))
        foreign = np.logical_or.reduce([np.zeros(evidence.n, bool), *groups])
        reasons = {"stamp": found["patch"].flagged, "group": foreign} | doubted.reasons
        flagged = np.logical_or.reduce(list(reasons.values()))
        return Finding(
            finder=self.NAME,
            score=_score(found, flagged),
            flagged=flagged,
            facts={
                "left_out": left_out,
                "n_flagged_by_reason": {name: int((mask & ~evidence.trusted).sum()) for name, mask in reasons.items()},
                "repeated_pairs": [
                    {"given": given, "believed": true} for given, true in np.argwhere(doubted.pairs).tolist()
                ],
                "finders": {name: finding.facts for name, finding in found.items()},
            },
            suggested=_of_one_origin(evidence, doubted.believed, groups),
        )


def _groups(evidence: Evidence, found: dict[str, Finding]) -> Iterator[np.ndarray]:
    """The parts of classes, (n,) bool each, that more than one kind of evidence calls foreign."""
    parts = [found[name].flagged for name in ("clustering", "spectra") if name in found]
    for k in range(evidence.n_classes):
        members = evidence.labels == k
        for part, other in zip(parts, reversed(parts), strict=True):
            group = part & members
            n_group = int(group.sum())
            if not n_group:
                continue
            due = int((members & evidence.trusted).sum()) * n_group / int(members.sum())
            contradicted = "reference" in found and 2 * (found["reference"].score[group] > 0).sum() > n_group
            shared = 2 * (group & other).sum() > n_group and part is not other
            if contradicted or shared or due >= _ENOUGH_DUE:
                yield group


def _of_one_origin(evidence: Evidence, believed: np.ndarray | None, groups: Iterable[np.ndarray]) -> np.ndarray | None:
    """What is believed (n,), but in a group that mostly comes from one other class that class for all of it.

    Who lies together comes from one place: a model of few trusted samples mistakes single ones, but not most.
    """
    if believed is None:
        return None
    told = believed.copy()
    for group in groups:
        votes = np.bincount(believed[group], minlength=evidence.n_classes)
        origin = int(votes.argmax())
        if 2 * votes[origin] > votes.sum() and (evidence.labels[group] != origin).all():
            told[group] = origin
    return told


def _score(found: dict[str, Finding], flagged: np.ndarray) -> np.ndarray:
    """The mean rank (n,) over the finders, in [0, 1], and one more for the flagged."""
    ranks = [rankdata(finding.score) / len(flagged) for finding in found.values()]
    score: np.ndarray = np.mean(ranks, axis=0) + flagged
    return score
