"""A poisoned data set made again from its own record, to see that the record tells all that was done.

Where it is asked for, the classifiers of the run are trained again as well, by what their own notes say.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.progress import Progress, called, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, UnknownArtefact
from pipeline.poisoning.poison import PoisonRecord, Recipe, poison, poison_record
from pipeline.poisoning.proxy import PROXY, noted_proxy
from pipeline.poisoning.retraining import Retrained, check_retraining, trained_again
from pipeline.provenance.differences import Difference, differing_items
from pipeline.provenance.manifest import Manifest
from pipeline.provenance.opening import checked_dataset
from pipeline.training.settings import TrainingSettings

if TYPE_CHECKING:
    # Only for the type: it loads torch, and a web process reads this module too.
    from pipeline.models.files import Classifier

DIFFERENCES_TOLD = 20


@dataclass(frozen=True)
class Replayed:
    """What came of a replay; the data set that it made is gone again.

    Attributes:
        dataset: the poisoned one, as it is kept.
        record: what it says of itself.
        replayed_id: of the data set that the record makes: a hash of every picture, label, split and group.
        differences: what the record makes otherwise, item by item; none where it makes the same.
        proxy_replayed_id: of the proxy, where it was gone and was trained again as noted; None otherwise.
        retrained: the classifiers that were trained again, in the order asked for.
    """

    dataset: Dataset
    record: PoisonRecord
    replayed_id: str
    differences: tuple[Difference, ...] = ()
    proxy_replayed_id: str | None = None
    retrained: tuple[Retrained, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the record makes exactly this data set, whatever came of trainings."""
        return self.replayed_id == self.dataset.id

    def to_json(self) -> dict[str, object]:
        """What came of it as JSON values, with the first of the differences in words."""
        return {
            "dataset_id": self.dataset.id,
            "parent_id": self.record.parent,
            "recipe": self.record.recipe.to_json(),
            "proxy_id": self.record.proxy,
            "proxy_replayed_id": self.proxy_replayed_id,
            "replayed_id": self.replayed_id,
            "same": self.same,
            "n_differences": len(self.differences),
            "differences": [str(one) for one in self.differences[:DIFFERENCES_TOLD]],
            "classifiers": [one.to_json() for one in self.retrained],
        }


def replay(
    dataset: Dataset,
    root: DataRoot,
    *,
    recipe: Recipe | None = None,
    classifiers: Sequence[Path] = (),
    work: Path | None = None,
    progress: Progress = ignore,
) -> Replayed:
    """Poison the clean data set again as the record says, beside the others, and compare the ids.

    Args:
        dataset: one that the lab poisoned.
        root: where the clean data set and the proxy lie.
        recipe: of a run, in place of that of the record, which names the first of those that change the images alike.
        classifiers: folders of those that are trained again as well, on the data that were made again; those of the
            clean data on these. This takes as long as the run did.
        work: what trainings go on from when they were killed; thrown away where it is not given.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: as `check_replay`, or the recipe does not fit.
        BadTraining, BadDevice, MissingWeights: a training cannot be done again here.
        BrokenHistory: the clean data set, the proxy or a classifier is not what its history says.
    """
    record, folder, proxy_from = _sources(dataset, root)
    for one in classifiers:
        check_retraining(one, dataset.id, record.parent)
    record = record if recipe is None else replace(record, recipe=recipe)
    clean = checked_dataset(folder)
    with tempfile.TemporaryDirectory(dir=root.work, prefix="replay-") as name:
        beside = DataRoot(Path(name))
        proxy = _proxy(proxy_from, clean, beside, work, progress)
        # The history of what is made again is signed there, and goes with it.
        made = poison(clean, record.recipe, beside.datasets, name=dataset.name, proxy=proxy, progress=progress)
        differences = tuple(differing_items(_told(made), _told(dataset)))
        retrained = tuple(_retrained(one, dataset.id, clean, made, beside, work, progress) for one in classifiers)
        anew = proxy.id if proxy is not None and isinstance(proxy_from, TrainingSettings) else None
        return Replayed(dataset, record, made.id, differences, anew, retrained)


def check_replay(dataset: Dataset, root: DataRoot, classifiers: Sequence[Path] = ()) -> PoisonRecord:
    """Refuse what cannot be replayed, without opening anything; gives the record.

    Raises:
        BadPoison: it has no record, or the clean data set is gone, or the proxy is and no note says how it was trained;
            or a classifier learned from other data, or does not say how it was trained.
    """
    record, _, _ = _sources(dataset, root)
    for one in classifiers:
        check_retraining(one, dataset.id, record.parent)
    return record


def proxy_to_train(dataset: Dataset, root: DataRoot) -> TrainingSettings | None:
    """How the proxy is trained that a replay has to train again; None where it needs none, or it is there.

    Raises:
        BadPoison: as `check_replay`.
    """
    found = _sources(dataset, root)[2]
    return found if isinstance(found, TrainingSettings) else None


def _retrained(
    folder: Path, poisoned_id: str, clean: Dataset, made: Dataset, beside: DataRoot, work: Path | None, told: Progress
) -> Retrained:
    learned_from, _ = check_retraining(folder, poisoned_id, clean.id)
    learned = made if learned_from == poisoned_id else clean
    return trained_again(folder, learned, clean, beside, work=work, progress=told)


def _proxy(
    found: Path | TrainingSettings | None, clean: Dataset, beside: DataRoot, work: Path | None, progress: Progress
) -> "Classifier | None":
    if found is None:
        return None
    # Imported on demand: who only reads a record should not wait for torch.
    from pipeline.models.files import open_classifier
    from pipeline.training.train import train_classifier

    if isinstance(found, Path):
        return open_classifier(found)
    told = called(progress, PROXY)
    return train_classifier(clean, found, beside.models, work=work or beside.work, name=PROXY, progress=told)


def _sources(dataset: Dataset, root: DataRoot) -> tuple[PoisonRecord, Path, Path | TrainingSettings | None]:
    """The record, the folder of the clean data set, and that of the proxy, or how one is trained that is gone."""
    record = poison_record(dataset)
    if record is None:
        raise BadPoison(f"{dataset.name} was not poisoned here, so it has no record to be made again from")
    told = f"the clean data set {record.parent}, which {dataset.name} was made from,"
    clean = _found(root, "datasets", record.parent, told)
    if record.proxy is None:
        return record, clean, None
    told = f"the proxy {record.proxy}, which {dataset.name} was perturbed under,"
    try:
        return record, clean, _found(root, "models", record.proxy, told)
    except BadPoison:
        if (noted := noted_proxy(root, record.proxy, record.parent)) is None:
            raise
        return record, clean, noted


def _told(dataset: Dataset) -> Manifest:
    return Manifest({}, tuple(dataset.classes), tuple(dataset.items))


def _found(root: DataRoot, kind: str, id_: str, told: str) -> Path:
    try:
        return root.find(kind, id_)
    except UnknownArtefact as e:
        raise BadPoison(f"{told} is gone; bring it back under {kind} to replay the record") from e
