"""The scans that a report names, as pictures: clean, attacked, and their amplified difference."""

from dataclasses import dataclass

from datasets.adversarial_store import AdversarialRows
from datasets.errors import DatasetError
from datasets.store import Dataset, open_dataset
from pipeline.adversarial.files import open_adversarial
from pipeline.artefacts import DataRoot
from pipeline.detector_report.blocks import Picture
from pipeline.errors import PipelineError
from pipeline.pictures import difference_png, shown_png


@dataclass(frozen=True)
class Shown:
    """One scan from each side, as PNG."""

    clean: bytes
    attacked: bytes
    difference: bytes


class Scans:
    """The pictures of a data root; an adversarial set is opened when first asked for."""

    def __init__(self, root: DataRoot) -> None:
        self._root = root
        self._open: dict[str, tuple[AdversarialRows, Dataset]] = {}

    def shown(self, picture: Picture) -> Shown | None:
        """The scan from each side; None where its adversarial set or data set is gone."""
        try:
            rows, dataset = self._opened(picture.adversarial_id)
            clean, attacked = dataset.levels(int(rows.parent[picture.row])), rows.levels(picture.row)
        except (DatasetError, PipelineError, IndexError):
            return None
        bits = int(rows.bits[picture.row])
        return Shown(
            clean=shown_png(clean, bits),
            attacked=shown_png(attacked, bits),
            difference=difference_png(clean, attacked),
        )

    def _opened(self, adversarial_id: str) -> tuple[AdversarialRows, Dataset]:
        if adversarial_id not in self._open:
            found = open_adversarial(self._root.find("adversarial", adversarial_id))
            dataset = open_dataset(self._root.find("datasets", found.dataset_id))
            self._open[adversarial_id] = found.rows(), dataset
        return self._open[adversarial_id]
