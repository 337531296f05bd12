"""A poisoned data set made again from its own record, to see that the record tells all that was done."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, UnknownArtefact
from pipeline.poisoning.poison import PoisonRecord, poison, poison_record
from pipeline.provenance.opening import checked_dataset

if TYPE_CHECKING:
    from pipeline.models.files import Classifier


@dataclass(frozen=True)
class Replayed:
    """What came of a replay; the data set that it made is gone again.

    Attributes:
        dataset: the poisoned one, as it is kept.
        record: what it says of itself.
        replayed_id: of the data set that the record makes: a hash of every picture, label, split and group.
    """

    dataset: Dataset
    record: PoisonRecord
    replayed_id: str

    @property
    def same(self) -> bool:
        """Whether the record makes exactly this data set."""
        return self.replayed_id == self.dataset.id


def replay(dataset: Dataset, root: DataRoot, *, progress: Progress = ignore) -> Replayed:
    """Poison the clean data set again as the record says, beside the others, and compare the ids.

    Args:
        dataset: one that the lab poisoned.
        root: where the clean data set and the proxy lie.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: it has no record, the clean data set or the proxy is gone, or the recipe does not fit.
        BrokenHistory: the clean data set or the proxy is not what its history says.
    """
    record = poison_record(dataset)
    if record is None:
        raise BadPoison(f"{dataset.name} was not poisoned here, so it has no record to be made again from")
    told = f"the clean data set {record.parent}, which {dataset.name} was made from,"
    clean = checked_dataset(_found(root, "datasets", record.parent, told))
    proxy = _proxy(dataset, record, root)
    with tempfile.TemporaryDirectory(dir=root.work, prefix="replay-") as folder:
        beside = DataRoot(Path(folder))
        # The history of what is made again is signed there, and goes with it.
        made = poison(clean, record.recipe, beside.datasets, name=dataset.name, proxy=proxy, progress=progress)
        return Replayed(dataset, record, made.id)


def _proxy(dataset: Dataset, record: PoisonRecord, root: DataRoot) -> "Classifier | None":
    if record.proxy is None:
        return None
    # Imported on demand: who only reads a record should not wait for torch.
    from pipeline.models.files import open_classifier

    told = f"the proxy {record.proxy}, which {dataset.name} was perturbed under,"
    return open_classifier(_found(root, "models", record.proxy, told))


def _found(root: DataRoot, kind: str, id_: str, told: str) -> Path:
    try:
        return root.find(kind, id_)
    except UnknownArtefact as e:
        raise BadPoison(f"{told} is gone; bring it back under {kind} to replay the record") from e
