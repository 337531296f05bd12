"""A poisoned data set made again from its own record, to see that the record tells all that was done."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, UnknownArtefact
from pipeline.poisoning.poison import PoisonRecord, Recipe, poison, poison_record
from pipeline.provenance.differences import Difference, differing_items
from pipeline.provenance.manifest import Manifest
from pipeline.provenance.opening import checked_dataset

DIFFERENCES_TOLD = 20


@dataclass(frozen=True)
class Replayed:
    """What came of a replay; the data set that it made is gone again.

    Attributes:
        dataset: the poisoned one, as it is kept.
        record: what it says of itself.
        replayed_id: of the data set that the record makes: a hash of every picture, label, split and group.
        differences: what the record makes otherwise, item by item; none where it makes the same.
    """

    dataset: Dataset
    record: PoisonRecord
    replayed_id: str
    differences: tuple[Difference, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the record makes exactly this data set."""
        return self.replayed_id == self.dataset.id

    def to_json(self) -> dict[str, object]:
        """What came of it as JSON values, with the first of the differences in words."""
        return {
            "dataset_id": self.dataset.id,
            "parent_id": self.record.parent,
            "recipe": self.record.recipe.to_json(),
            "proxy_id": self.record.proxy,
            "replayed_id": self.replayed_id,
            "same": self.same,
            "n_differences": len(self.differences),
            "differences": [str(one) for one in self.differences[:DIFFERENCES_TOLD]],
        }


def replay(dataset: Dataset, root: DataRoot, *, recipe: Recipe | None = None, progress: Progress = ignore) -> Replayed:
    """Poison the clean data set again as the record says, beside the others, and compare the ids.

    Args:
        dataset: one that the lab poisoned.
        root: where the clean data set and the proxy lie.
        recipe: of a run, in place of that of the record, which names the first of those that change the images alike.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: it has no record, the clean data set or the proxy is gone, or the recipe does not fit.
        BrokenHistory: the clean data set or the proxy is not what its history says.
    """
    record, folder, proxy_folder = _sources(dataset, root)
    record = record if recipe is None else replace(record, recipe=recipe)
    clean = checked_dataset(folder)
    proxy = None
    if proxy_folder is not None:
        # Imported on demand: who only reads a record should not wait for torch.
        from pipeline.models.files import open_classifier

        proxy = open_classifier(proxy_folder)
    with tempfile.TemporaryDirectory(dir=root.work, prefix="replay-") as name:
        beside = DataRoot(Path(name))
        # The history of what is made again is signed there, and goes with it.
        made = poison(clean, record.recipe, beside.datasets, name=dataset.name, proxy=proxy, progress=progress)
        return Replayed(dataset, record, made.id, tuple(differing_items(_told(made), _told(dataset))))


def check_replay(dataset: Dataset, root: DataRoot) -> None:
    """Refuse what cannot be replayed, without opening anything.

    Raises:
        BadPoison: it has no record, or the clean data set or the proxy is gone.
    """
    _sources(dataset, root)


def _sources(dataset: Dataset, root: DataRoot) -> tuple[PoisonRecord, Path, Path | None]:
    """The record, and the folders of the clean data set and of the proxy, where there was one."""
    record = poison_record(dataset)
    if record is None:
        raise BadPoison(f"{dataset.name} was not poisoned here, so it has no record to be made again from")
    told = f"the clean data set {record.parent}, which {dataset.name} was made from,"
    clean = _found(root, "datasets", record.parent, told)
    if record.proxy is None:
        return record, clean, None
    told = f"the proxy {record.proxy}, which {dataset.name} was perturbed under,"
    return record, clean, _found(root, "models", record.proxy, told)


def _told(dataset: Dataset) -> Manifest:
    return Manifest({}, tuple(dataset.classes), tuple(dataset.items))


def _found(root: DataRoot, kind: str, id_: str, told: str) -> Path:
    try:
        return root.find(kind, id_)
    except UnknownArtefact as e:
        raise BadPoison(f"{told} is gone; bring it back under {kind} to replay the record") from e
