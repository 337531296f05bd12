"""Repair: confirmed images are dropped or relabelled, and a classifier is trained anew."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from datasets.derive import derive_dataset
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison
from pipeline.provenance.event import UNNAMED, EventKind, indices_digest
from pipeline.provenance.record import checked, recorded

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
        BadPoison: nothing to repair, an item both dropped and relabelled, one that is no training image, or a class
            that would be left without one.
        BrokenHistory: the data set is not what its history says.
    """
    parent = checked(dataset.folder)
    dropped, labels = sorted({int(index) for index in drop}), dict(relabel or {})
    if not dropped and not labels:
        raise BadPoison("no image is confirmed; confirm some of the suspects first")
    if both := sorted(set(dropped) & set(labels)):
        raise BadPoison(f"item {both[0]} is both dropped and relabelled; choose one")
    train = set(dataset.indices("train").tolist())
    if strange := sorted(index for index in {*dropped, *labels} if index not in train):
        raise BadPoison(f"{dataset.name}: item {strange[0]} is no training image; choose among those")
    left = {labels.get(index, dataset.items[index].label) for index in train - set(dropped)}
    if gone := [name for label, name in enumerate(dataset.classes) if label not in left]:
        raise BadPoison(f"no training image of {', '.join(gone)} would be left; relabel some of them instead")
    source = {"kind": REPAIRED, "dropped": dropped, "relabelled": {str(i): label for i, label in labels.items()}}
    made = derive_dataset(dataset, root, name=name, source=source, labels=labels, dropped=dropped, progress=progress)
    done = {EventKind.RELABEL: sorted(labels), EventKind.DROP: dropped}
    for kind in (kind for kind, items in done.items() if items):
        facts = {"indices": indices_digest(done[kind]), "n": len(done[kind])}
        recorded(made.folder, DataRoot(root.parent), kind, by=by, facts=facts, parents=(parent,))
    return made
