"""The scans of the detector split that the methods of a comparison learn from."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from datasets.adversarial_store import AdversarialRows
from datasets.store import Dataset
from detector.interface import Examples, Measured
from pipeline.detection.controls import draw_harmless
from pipeline.detection.division import SPLIT
from pipeline.detection.evidence import clean_scans
from pipeline.detection.network import Scan
from pipeline.detection.samples import attack_cells, draw_row
from pipeline.errors import BadDetector

_N_FOLDS = 5


@dataclass(frozen=True)
class Lessons:
    """Clean scans, as many harmlessly changed ones, and successful attacks.

    Attributes:
        clean: items of the data set.
        attacked: rows of the adversarial set.
    """

    dataset: Dataset
    rows: AdversarialRows
    clean: np.ndarray
    attacked: np.ndarray
    seed: int

    @property
    def n(self) -> int:
        """How many scans there are in all."""
        return 2 * len(self.clean) + len(self.attacked)

    def counts(self) -> dict[str, int]:
        """How many scans there are of each kind."""
        return {"clean": len(self.clean), "harmlessly changed": len(self.clean), "attacked": len(self.attacked)}

    def scans(self) -> Iterator[Scan]:
        """The clean ones, then the harmlessly changed ones, then the attacked ones."""
        yield from clean_scans(self.dataset, self.clean)
        yield from self._harmless()
        for row in self.attacked:
            yield self.rows.levels(int(row)), int(self.rows.bits[row])

    def examples(self, measured: Measured) -> Examples:
        """What is known of the scans, with what a method measured of them."""
        parents = np.concatenate([self.clean, self.clean, self.rows.parent[self.attacked]])
        kind = np.repeat([0, 1, 2], [len(self.clean), len(self.clean), len(self.attacked)])
        return Examples(
            measured=measured,
            labels=torch.from_numpy(self.dataset.labels[parents]),
            is_adv=torch.from_numpy(kind == 2),
            is_clean=torch.from_numpy(kind == 0),
            fold=torch.from_numpy(self.dataset.groups[parents] % _N_FOLDS),
        )

    def _harmless(self) -> Iterator[Scan]:
        """The clean scans under what the residual network learns as harmless, by the same draws."""
        rng = np.random.default_rng([self.seed, 2])
        cells = attack_cells(self.rows, self.attacked)
        for levels, bits in clean_scans(self.dataset, self.clean):
            row = draw_row(cells, rng)
            before = self.dataset.levels(int(self.rows.parent[row]))
            perturbation = self.rows.levels(row).astype(np.int32) - before.astype(np.int32)
            yield draw_harmless(levels, bits, perturbation, float(self.rows.linf[row]), rng), bits


def choose_lessons(
    dataset: Dataset, rows: AdversarialRows, *, n_clean: int | None, n_attacked: int | None, seed: int
) -> Lessons:
    """Clean scans and successful attacks by chance: at most `n_clean`, and `n_attacked` of each type and eps.

    Raises:
        BadDetector: the detector split has no scan, or none that an attack succeeded on.
    """
    rng = np.random.default_rng([seed, 3])
    items = dataset.indices(SPLIT)
    successful = np.flatnonzero(np.isin(rows.parent, items) & (rows.status == "success"))
    if len(items) == 0 or len(successful) == 0:
        raise BadDetector(
            f"{dataset.name}: {len(items)} scans and {len(successful)} successful attacks in the split {SPLIT!r}; "
            f"expected some of both: build the adversarial set with the split {SPLIT!r}"
        )
    cells = [cell for of_type in attack_cells(rows, successful).values() for cell in of_type]
    attacked = np.concatenate([rng.permutation(cell)[:n_attacked] for cell in cells])
    return Lessons(dataset, rows, rng.permutation(items)[:n_clean], attacked, seed)
