"""A data set made from another: some labels and pictures changed, some images dropped, all else as it was."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets.duplicates import pixels_sha256
from datasets.errors import BadDataset, UnknownItem
from datasets.progress import Progress, ignore
from datasets.splits import DROPPED
from datasets.store import Dataset, DatasetWriter, Item, counts_of, dataset_id, open_dataset

_REPORT_EVERY = 256


def derive_dataset(
    parent: Dataset,
    root: Path,
    *,
    name: str,
    source: Mapping[str, object],
    labels: Mapping[int, int] | None = None,
    levels: Mapping[int, np.ndarray] | None = None,
    dropped: Collection[int] = (),
    progress: Progress = ignore,
) -> Dataset:
    """Write `root/<id>/`: the items of the parent in its order, under its splits and groups, with these changes.

    The same changes of the same parent give the same id and the same levels. Where that data set lies there already, it
    is given back as it is, under its first name.

    Args:
        parent: is read, and stays as it is.
        root: where data sets are kept.
        name: what people call it; no part of the id.
        source: where it came from; its "kind" is part of the id, and "parent" is added.
        labels: new classes, by item.
        levels: new pictures of the item's own shape and depth, by item.
        dropped: items that no split has any more; they are kept for the record.
        progress: told every few hundred images; what it raises leaves nothing behind.

    Raises:
        UnknownItem: a change of an item that is not there.
        BadDataset: a class that is not there, or levels of another shape or depth.
        DamagedStore: the data set that lies there already is not whole.
    """
    labels, levels, dropped = dict(labels or {}), dict(levels or {}), set(dropped)
    _check(parent, labels, levels, dropped)
    with closing(DatasetWriter(root)) as writer:
        items = tuple(_written(parent, writer, labels, levels, dropped, progress))
        there = root / dataset_id(parent.classes, items, str(source["kind"]))
        if there.exists():
            return open_dataset(there)
        said = {
            "parent": parent.id,
            "n_relabelled": sum(parent.items[i].label != label for i, label in labels.items()),
            "n_changed": sum(items[i].pixels_sha256 != parent.items[i].pixels_sha256 for i in levels),
            "n_dropped": sum(parent.items[i].split != DROPPED for i in dropped),
            "counts": counts_of(items, len(parent.classes)),
        }
        return writer.finish(name, parent.classes, items, {**source, "parent": parent.id}, said)


def _written(
    parent: Dataset,
    writer: DatasetWriter,
    labels: Mapping[int, int],
    levels: Mapping[int, np.ndarray],
    dropped: Collection[int],
    progress: Progress,
) -> Iterator[Item]:
    """The items, their levels stored; equal pictures are stored once."""
    stored: dict[str, int] = {}
    for index, item in enumerate(parent.items):
        shown = levels.get(index)
        seen = item.pixels_sha256 if shown is None else pixels_sha256(shown, item.bits)
        if seen in stored:
            writer.repeat(stored[seen])
        else:
            stored[seen] = writer.append(parent.levels(index) if shown is None else shown, item.bits)
        if index % _REPORT_EVERY == 0:
            progress(index, len(parent), "writing the data set")
        split = DROPPED if index in dropped else item.split
        yield replace(item, label=labels.get(index, item.label), split=split, pixels_sha256=seen)


def _check(
    parent: Dataset, labels: Mapping[int, int], levels: Mapping[int, np.ndarray], dropped: Collection[int]
) -> None:
    if strange := sorted(index for index in {*labels, *levels, *dropped} if not 0 <= index < len(parent)):
        raise UnknownItem(f"{parent.name}: there is no item {strange[0]}; use 0 to {len(parent) - 1}.")
    if wrong := sorted({label for label in labels.values() if not 0 <= label < len(parent.classes)}):
        raise BadDataset(f"{parent.name}: there is no class {wrong[0]}; use 0 to {len(parent.classes) - 1}.")
    for index, shown in levels.items():
        item = parent.items[index]
        dtype = np.uint8 if item.bits <= 8 else np.uint16
        if shown.shape != item.shape or shown.dtype != dtype or int(shown.max(initial=0)) >= 1 << item.bits:
            raise BadDataset(
                f"{item.name}: levels {shown.shape} {shown.dtype} up to {int(shown.max(initial=0))}, expected"
                f" {item.shape} {np.dtype(dtype)} of {item.bits} bits."
            )
