"""Which labels are not believed, and which of these doubts are more than the mistakes of honest data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta

from detector.conformal import n_allowed, threshold
from detector.poisoned.concentration import chance_by_trusted, confusions, unnatural
from detector.poisoned.interface import Evidence, Finding
from detector.poisoned.trusted_reference import contradiction

_CONFIDENCE = 0.99  # Of the bound on what trusted samples let expect.
_NATURAL = 0.01  # Above it the trusted samples excuse a pair that stands out from the others.
_SCATTERED = 0.005  # The share of honest labels that may be flagged where no doubt is more than usual.


@dataclass(frozen=True, kw_only=True, eq=False)
class Doubts:
    """What labels say of poison.

    Attributes:
        believed: (n,) int64, the class of each sample instead of the given one; None where nobody has an opinion.
        reasons: by name, (n,) bool each, the samples to flag for it.
        pairs: (K, K) bool, the (given, believed) pairs of classes that no honest data would mix up so often.
    """

    believed: np.ndarray | None
    reasons: dict[str, np.ndarray]
    pairs: np.ndarray


def doubts(evidence: Evidence, labels: Finding | None, reference: Finding | None) -> Doubts:
    """The doubts of out-of-fold models, by `ConfidentLabels`, and of `TrustedReference`, either of which may be None.

    Mistakes scatter, poison repeats itself: where pairs of classes stand out, every sample that falls into them is
    flagged and the scattered rest is let off. Where the rest is more than the trusted samples let expect, it is flagged
    too. Where nothing is more than usual, only what is doubted more than all but a few of the trusted are.
    """
    reasons = _reasons(evidence, labels, reference)
    opinion = _believed(evidence, labels, reference)
    if opinion is None:
        return Doubts(believed=None, reasons=reasons, pairs=np.zeros((evidence.n_classes,) * 2, bool))
    # Models of the other folds may have learned the poison too, and then say what it says.
    second = opinion if reference is None or reference.suggested is None else reference.suggested
    believed = np.where(opinion == evidence.labels, second, opinion)
    pairs = _odd_pairs(evidence, opinion, believed, np.logical_or.reduce(list(reasons.values())))
    suspicion = _suspicion(evidence, labels, reference)
    scattered = (suspicion > 0) & ~pairs[evidence.labels, believed]
    if pairs.any():
        reasons["repeated"] = pairs[evidence.labels, opinion]
    if _is_more(evidence, scattered):
        kept = reasons
    elif pairs.any():
        kept = {name: mask & pairs[evidence.labels, believed] for name, mask in reasons.items()}
    else:
        firm = suspicion > _usual(suspicion[evidence.trusted])
        kept = {name: mask & (firm | (name == "class")) for name, mask in reasons.items()}
    return Doubts(believed=believed, reasons=kept, pairs=pairs)


def _reasons(evidence: Evidence, labels: Finding | None, reference: Finding | None) -> dict[str, np.ndarray]:
    """The labels that are not believed, for each of the reasons that there can be."""
    if reference is None:
        return {} if labels is None else {"labels": labels.flagged}
    reasons = {"class": _of_classes(evidence, reference)}
    if labels is not None:
        # Neither alone: confident learning flags what is merely hard, the reference what it has not yet learned.
        agreed = (reference.suggested == labels.suggested) & (reference.score > 0)
        reasons["labels"] = (labels.flagged & (reference.score > 0)) | (reference.flagged & agreed)
        reasons["pair"] = _of_mixed_up(evidence, reference, labels.facts["not_identifiable"])
    return reasons


def _of_classes(evidence: Evidence, reference: Finding) -> np.ndarray:
    """What the reference firmly contradicts, in classes where its trusted samples do not let expect so much."""
    chosen = np.zeros(evidence.n, bool)
    firmly = reference.score > reference.facts["threshold"]
    for k in range(evidence.n_classes):
        members = evidence.labels == k
        if _is_more(evidence, firmly, members):
            chosen |= firmly & members & ~evidence.trusted
    return chosen


def _of_mixed_up(evidence: Evidence, reference: Finding, pairs: list[dict[str, Any]]) -> np.ndarray:
    """The samples of mixed-up pairs whose label the reference turns into the other of the pair."""
    chosen = np.zeros(evidence.n, bool)
    for pair in pairs:
        for given, true in ((pair["given"], pair["suggested"]), (pair["suggested"], pair["given"])):
            chosen |= (evidence.labels == given) & (reference.suggested == true)
    return chosen


def _believed(evidence: Evidence, labels: Finding | None, reference: Finding | None) -> np.ndarray | None:
    """The class (n,) by whoever is right of more trusted samples; of mixed-up pairs by the reference."""
    if labels is None or reference is None:
        only = labels or reference
        return None if only is None else only.suggested
    assert labels.suggested is not None and reference.suggested is not None  # noqa: S101, PT018 - Both have opinions.
    mine, theirs = (np.asarray(one.suggested == evidence.labels)[evidence.trusted] for one in (labels, reference))
    if theirs.sum() > mine.sum():
        return reference.suggested
    mixed_up = [pair[name] for pair in labels.facts["not_identifiable"] for name in ("given", "suggested")]
    believed: np.ndarray = np.where(np.isin(evidence.labels, mixed_up), reference.suggested, labels.suggested)
    return believed


def _odd_pairs(evidence: Evidence, believed: np.ndarray, told: np.ndarray, doubted: np.ndarray) -> np.ndarray:
    """The pairs (K, K) that stand out from the scattered mistakes, and from those of the trusted."""
    k, given, trusted = evidence.n_classes, evidence.labels, evidence.trusted
    rest = doubted & ~trusted
    odd = unnatural(confusions(given[rest], told[rest], k))
    if not trusted.any():
        return odd
    n, n_trusted = (np.bincount(given[some], minlength=k) for some in (~trusted, trusted))
    # Poison that the folds learned too shows in the second opinion alone, and flips among hard classes in the first.
    beyond = np.zeros_like(odd)
    for opinion in (believed, told):
        counts, vouched = (confusions(given[some], opinion[some], k) for some in (~trusted, trusted))
        beyond |= chance_by_trusted(counts, n, vouched, n_trusted) < _NATURAL
    odd &= beyond
    return odd


def _suspicion(evidence: Evidence, labels: Finding | None, reference: Finding | None) -> np.ndarray:
    """By how much all who have an opinion contradict a label (n,); above 0 each of them believes another class."""
    said = [contradiction(evidence.require("probs", of="doubts"), evidence.labels)] if labels is not None else []
    least: np.ndarray = np.minimum.reduce([*said, *([reference.score] if reference is not None else [])])
    return least


def _is_more(evidence: Evidence, doubted: np.ndarray, members: np.ndarray | None = None) -> bool:
    """Whether more of the members (n,) are doubted than the trusted among them let expect; without any, yes."""
    members = np.ones(evidence.n, bool) if members is None else members
    vouched, rest = members & evidence.trusted, members & ~evidence.trusted
    return bool((doubted & rest).sum() > _bound(int((doubted & vouched).sum()), int(vouched.sum())) * rest.sum())


def _usual(trusted: np.ndarray) -> float:
    """The suspicion above which only a few of the trusted lie, by conformal ranks; 0 where there are none."""
    m = len(trusted)
    if m == 0:
        return 0.0
    return threshold(np.sort(trusted), _SCATTERED if n_allowed(m, _SCATTERED) else 1 / (m + 1))


def _bound(wrong: int, n: int) -> float:
    """The upper bound on a share after so many of n: exact, Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404."""
    if n == 0:
        return 0.0
    return 1.0 if wrong == n else float(beta.ppf(_CONFIDENCE, wrong + 1, n - wrong))
