"""Repair: confirmed images are dropped or relabelled, and a classifier is trained anew."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from datasets.derive import derive_dataset
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from datasets.unlabelled import check_labelled
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison
from pipeline.poisoning.trusted import TrustedSubset, check_covers
from pipeline.provenance.event import UNNAMED, EventKind, indices_digest
from pipeline.provenance.record import checked, has_history, recorded

REPAIRED = "repaired"


def repair(
    dataset: Dataset,
    root: Path,
    *,
    name: str,
    drop: Iterable[int] = (),
    relabel: Mapping[int, int] | None = None,
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> Dataset:
    """Write the data set without the dropped images and with the new labels to `root/<id>`.

    Args:
        dataset: stays as it is.
        root: where data sets are kept, `datasets` of the data root.
        name: what people call it.
        drop: items that are confirmed to be poisoned.
        relabel: the true class of items whose label was confirmed to be wrong.
        by: who does it, for the history.
        progress: told as it goes.

    Raises:
        BadDataset, BadPoison: as `check_repair` does.
        BrokenHistory: the data set is not what its history says.
    """
    parent = checked(dataset.folder)
    dropped, labels = check_repair(dataset, drop=drop, relabel=relabel)
    source = {"kind": REPAIRED, "dropped": dropped, "relabelled": {str(i): label for i, label in labels.items()}}
    made = derive_dataset(dataset, root, name=name, source=source, labels=labels, dropped=dropped, progress=progress)
    if has_history(made.folder):  # The same repair was made before.
        return made
    done = {EventKind.RELABEL: sorted(labels), EventKind.DROP: dropped}
    for kind in (kind for kind, items in done.items() if items):
        facts = {"indices": indices_digest(done[kind]), "n": len(done[kind])}
        recorded(made.folder, DataRoot(root.parent), kind, by=by, facts=facts, parents=(parent,))
    return made


def check_repair(
    dataset: Dataset, *, drop: Iterable[int] = (), relabel: Mapping[int, int] | None = None
) -> tuple[list[int], dict[int, int]]:
    """What a repair would drop and relabel, in the order of the items, without changing anything.

    Raises:
        BadDataset: the data set has no labels.
        BadPoison: nothing to repair, an item both dropped and relabelled, one that is no training image, a class that
            is not there or that the item has already, or a class that would be left without an image.
    """
    check_labelled(dataset.name, dataset.classes)
    dropped, labels = sorted({int(index) for index in drop}), dict(sorted((relabel or {}).items()))
    if not dropped and not labels:
        raise BadPoison("no image is confirmed or named; confirm suspects of a search, or name images")
    if both := sorted(set(dropped) & set(labels)):
        raise BadPoison(f"item {both[0]} is both dropped and relabelled; choose one")
    train = set(dataset.indices("train").tolist())
    if strange := sorted(index for index in {*dropped, *labels} if index not in train):
        raise BadPoison(f"{dataset.name}: item {strange[0]} is no training image; choose among those")
    _check_labels(dataset, labels)
    left = {labels.get(index, dataset.items[index].label) for index in train - set(dropped)}
    if gone := [name for label, name in enumerate(dataset.classes) if label not in left]:
        raise BadPoison(f"no training image of {', '.join(gone)} would be left; relabel some of them instead")
    return dropped, labels


def check_vouched(trusted: TrustedSubset, dataset: Dataset, changed: Iterable[int]) -> None:
    """Refuse a repair that changes what somebody vouches for, and a subset that says nothing of a class.

    Raises:
        BadPoison: names the item, or the class and how many there must be.
    """
    rows = trusted.rows(dataset)
    check_covers(dataset, rows)
    if both := sorted(set(rows.tolist()) & set(changed)):
        raise BadPoison(
            f"{trusted.by} vouches for item {both[0]}, which shall be changed; leave it as it is, or choose another"
            " trusted subset"
        )


def _check_labels(dataset: Dataset, labels: Mapping[int, int]) -> None:
    for index, label in labels.items():
        if not 0 <= label < len(dataset.classes):
            raise BadPoison(
                f"{dataset.name} has no class {label} that item {index} could get; use 0 to {len(dataset.classes) - 1}"
            )
        if label == dataset.items[index].label:
            raise BadPoison(
                f"item {index} is labelled {dataset.classes[label]} already; name another class, or drop it"
            )
