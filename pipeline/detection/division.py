"""Which scans of the detector split are learned from and which are held out, by groups of look-alikes."""

from dataclasses import dataclass

import numpy as np

from datasets.adversarial_store import AdversarialRows
from datasets.store import Dataset
from pipeline.errors import BadDetector

SPLIT = "detector"


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
    dataset: Dataset, rows: AdversarialRows, *, held_out: float, seed: int, split: str = SPLIT
) -> tuple[Part, Part]:
    """The part to learn from and the held-out part.

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
    fit = _part(rows, clean[~is_held])
    held = _part(rows, clean[is_held])
    for part, what in ((fit, "to learn from"), (held, "held out")):
        if len(part.attacked) == 0:
            raise BadDetector(
                f"no successful attack among the {len(part.clean)} scans {what} of the split {split!r}; expected at "
                f"least one: build the adversarial set with the split {split!r}, more images a cell or a larger eps"
            )
    return fit, held


def _part(rows: AdversarialRows, clean: np.ndarray) -> Part:
    of_part = np.isin(rows.parent, clean) & (rows.status == "success")
    return Part(clean, np.flatnonzero(of_part))
