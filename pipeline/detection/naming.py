"""What the naming of attacks learns from: whole attacked scans, clean ones, and harmlessly changed ones."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from datasets.adversarial_store import AdversarialRows
from datasets.progress import Progress
from datasets.store import Dataset
from detector.marks import Marks
from detector.naming import Naming
from detector.naming_training import NamingLessons, fit_naming
from detector.types import type_index
from pipeline.detection.controls import STANDARD_CONTROLS
from pipeline.detection.evidence import clean_scans
from pipeline.detection.network import Scan, pixel_batches
from pipeline.models.spec import ClassifierSpec

MAX_A_CELL = 400
"""Rows of one attack and eps that are learned from; marks of more say the same again and cost 8 ms each."""

_ATTACKED = ("success", "failed")
# Signs drawn by chance are what one step of FGSM looks like; that there was no attack is for the score to say.
_HARMLESS = [control for name, control in STANDARD_CONTROLS.items() if not name.startswith("sign noise")]


@dataclass(frozen=True)
class _NamedScans:
    """Scans of one part of a data set with what was done to them.

    An attack that failed leaves the marks of one that succeeded, and is learned from as well.
    """

    dataset: Dataset
    rows: AdversarialRows
    clean: np.ndarray
    attacked: np.ndarray
    seed: int

    @property
    def n(self) -> int:
        return 2 * len(self.clean) + len(self.attacked)

    def types(self) -> torch.Tensor:
        """Places in TYPES (n,); an attack without a name is none of the known ones."""
        named = [type_index(str(self.rows.attack[row])) or 0 for row in self.attacked]
        return torch.tensor([0] * 2 * len(self.clean) + named)

    def scans(self) -> Iterator[Scan]:
        """The clean scans, each under one harmless change, and the attacked ones."""
        rng = np.random.default_rng([self.seed, 6])
        yield from clean_scans(self.dataset, self.clean)
        for k, (levels, bits) in enumerate(clean_scans(self.dataset, self.clean)):
            yield _HARMLESS[k % len(_HARMLESS)](levels, bits, rng), bits
        for row in self.attacked:
            yield self.rows.levels(int(row)), int(self.rows.bits[row])


def learn_names(
    dataset: Dataset,
    rows: AdversarialRows,
    shown: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
    spec: ClassifierSpec,
    seed: int,
    progress: Progress,
) -> Naming:
    """A naming that learned from the scans of one part and was calibrated on those of the other.

    Args:
        dataset: the clean scans.
        rows: the attacked ones; of them those that `shown` (N,) bool names.
        shown: which may be learned from.
        parts: items of the data set to learn from, and held-out ones.
        spec: of the classifier, whose view of a scan is named.
        seed: of every draw and of the first weights.
        progress: may raise to cancel; nothing is kept of what was begun.
    """
    fit, held = (_scans_of(dataset, rows, items, shown, seed) for items in parts)
    lessons = _lessons(fit, spec, "marks of attacks", progress)
    held_out = _lessons(held, spec, "marks of attacks, held out", progress)
    return fit_naming(spec.channels, lessons, held_out, seed=seed)


def _scans_of(dataset: Dataset, rows: AdversarialRows, items: np.ndarray, shown: np.ndarray, seed: int) -> _NamedScans:
    rng = np.random.default_rng([seed, 7])
    inside = np.flatnonzero(np.isin(rows.parent, items) & np.isin(rows.status, _ATTACKED) & shown)
    cells = [
        inside[(rows.attack[inside] == attack) & (rows.eps[inside] == eps)]
        for attack, eps in sorted(set(zip(rows.attack[inside].tolist(), rows.eps[inside].tolist(), strict=True)))
    ]
    chosen = [rng.permutation(cell)[:MAX_A_CELL] for cell in cells]
    return _NamedScans(dataset, rows, items, np.concatenate([*chosen, np.empty(0, np.int64)]), seed)


@torch.no_grad()
def _lessons(named: _NamedScans, spec: ClassifierSpec, what: str, progress: Progress) -> NamingLessons:
    marks, found = Marks(spec.channels), []
    n_done = 0
    for pixels in pixel_batches(named.scans(), spec):
        progress(n_done, named.n, what)
        found.append(marks(pixels))
        n_done += len(pixels)
    progress(named.n, named.n, what)
    return NamingLessons(torch.cat(found), named.types())
