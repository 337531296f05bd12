"""Which scans of the detector split are learned from and which are held out, by groups of look-alikes."""

from dataclasses import dataclass

import numpy as np

from datasets.adversarial_store import AdversarialRows
from datasets.store import Dataset
from pipeline.detection.settings import DetectorSettings
from pipeline.errors import BadDetector

SPLIT = "detector"
# Rows hold float32, settings what a person wrote.
_SAME_EPS = 1e-5


@dataclass(frozen=True)
class Part:
    """One side of the division.

    Attributes:
        clean: items of the data set, all of the part, whether the classifier has them right or not.
        attacked: rows of the adversarial set whose attack succeeded on the file, with parents in `clean`.
    """

    clean: np.ndarray
    attacked: np.ndarray


def divide(
    dataset: Dataset,
    rows: AdversarialRows,
    *,
    held_out: float,
    seed: int,
    split: str = SPLIT,
    shown: np.ndarray | None = None,
) -> tuple[Part, Part]:
    """The part to learn from and the held-out part; of the rows only those that `shown` (N,) bool names, or all.

    Only rows whose status is success count as attacked: a failed or unchanged attack teaches
    nothing about attacks, and a scan that the classifier had wrong was never attacked.

    Raises:
        BadDetector: there are fewer than two groups, or one part has no successful attack.
    """
    clean = dataset.indices(split)
    groups = dataset.groups[clean]
    unique = np.unique(groups)
    if len(unique) < 2:
        raise BadDetector(
            f"{dataset.name}: {len(clean)} scans in {len(unique)} groups of the split {split!r}; expected at least "
            "two groups: import more images, or give that split a larger share"
        )
    n_held = min(max(1, round(held_out * len(unique))), len(unique) - 1)
    held_groups = np.random.default_rng(seed).permutation(unique)[:n_held]
    is_held = np.isin(groups, held_groups)
    fit = _part(rows, clean[~is_held], shown)
    held = _part(rows, clean[is_held], shown)
    for part, what in ((fit, "to learn from"), (held, "held out")):
        if len(part.attacked) == 0:
            raise BadDetector(
                f"no successful attack among the {len(part.clean)} scans {what} of the split {split!r}; expected at "
                f"least one: build the adversarial set with the split {split!r}, more images a cell or a larger eps"
            )
    return fit, held


def shown_rows(rows: AdversarialRows, settings: DetectorSettings) -> np.ndarray:
    """Which rows (N,) bool a detector of these settings may learn from.

    Raises:
        BadDetector: an attack or a radius that is named is not among the rows, or nothing is left.
    """
    attacks, radii = sorted(set(rows.attack.tolist())), np.unique(rows.eps)
    if unknown := sorted(set(settings.leave_out) - set(attacks)):
        raise BadDetector(
            f"leave_out names {', '.join(unknown)}; the adversarial set has {', '.join(attacks)}; name some of these"
        )
    shown = ~np.isin(rows.attack, settings.leave_out)
    if settings.only_eps:
        if missing := [eps for eps in settings.only_eps if not np.isclose(radii, eps, atol=_SAME_EPS).any()]:
            had = ", ".join(f"{eps:.5g}" for eps in radii)
            raise BadDetector(f"only_eps names {missing[0]:.5g}; the adversarial set has {had}; name some of these")
        shown &= np.isclose(rows.eps[:, None], settings.only_eps, atol=_SAME_EPS).any(axis=1)
    if not shown.any():
        raise BadDetector("leave_out and only_eps leave no attack to learn from; leave out fewer")
    return shown


def _part(rows: AdversarialRows, clean: np.ndarray, shown: np.ndarray | None) -> Part:
    of_part = np.isin(rows.parent, clean) & (rows.status == "success")
    return Part(clean, np.flatnonzero(of_part if shown is None else of_part & shown))
