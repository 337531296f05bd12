"""Training images whose picture and label somebody vouches for: what finders of poison measure the rest by."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from datasets.atomic import content_id, read_json, replacing_folder, write_json
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, NoHistory, UnknownArtefact
from pipeline.poisoning.choice import drawn
from pipeline.provenance.chain import read_history
from pipeline.provenance.descent import SUBSET
from pipeline.provenance.event import Event, EventKind, indices_digest
from pipeline.provenance.record import trust

FILE = "trusted.json"
ENOUGH = 20
"""So many a class identify flips that nothing else can; field measurements on digits, see docs/finding-poison.md."""

LEAST = 4
"""Of every class: each of three folds must keep two images of it, and judge one."""
_FORMAT = 1


@dataclass(frozen=True)
class TrustedSubset:
    """Images that are vouched for.

    Attributes:
        id: of what is vouched for.
        dataset_id: of the data set that it was marked in.
        images: name, hash of the pixels and label of each: whoever changes one of them loses the word for it.
        by: who vouches.
        at: when, UTC, as the history of the data set has it.
    """

    id: str
    dataset_id: str
    images: tuple[tuple[str, str, int], ...]
    by: str
    at: str

    def rows(self, dataset: Dataset) -> np.ndarray:
        """The training images that are vouched for as they stand there, (n,) int64; also of a derived data set."""
        known, items = set(self.images), dataset.items
        rows = [
            i
            for i in dataset.indices("train").tolist()
            if (items[i].name, items[i].pixels_sha256, items[i].label) in known
        ]
        return np.array(rows, dtype=np.int64)

    def standing(self, dataset: Dataset) -> np.ndarray:
        """The same, of a data set that is to be measured by them.

        Raises:
            BadPoison: none of them stands there, or too few of a class.
        """
        rows = self.rows(dataset)
        if not len(rows):
            raise BadPoison(
                f"none of the {len(self.images)} trusted images stands in {dataset.name} under the label that was"
                " vouched for; name a trusted subset of this data set"
            )
        check_covers(dataset, rows)
        return rows


def mark_trusted(dataset: Dataset, rows: Iterable[int], root: Path, *, by: str) -> TrustedSubset:
    """Write to `root/<id>`, and into the data set's history, that somebody vouches for these pictures and labels.

    Raises:
        BadPoison: an item is not of the split "train", or a class has too few.
        BrokenHistory: the data set is not what its history says; nothing is marked.
    """
    chosen = sorted({int(index) for index in rows})
    train = set(dataset.indices("train").tolist())
    if strange := [index for index in chosen if index not in train]:
        raise BadPoison(f"{dataset.name}: item {strange[0]} is no training image; choose among those")
    check_covers(dataset, np.array(chosen, dtype=np.int64))
    items = [dataset.items[index] for index in chosen]
    images = tuple((item.name, item.pixels_sha256, item.label) for item in items)
    made = content_id({"dataset": dataset.id, "images": [list(one) for one in images], "by": by})
    facts = {SUBSET: made, "indices": indices_digest(chosen)}
    why = f"pictures and labels of {len(chosen)} training images"
    at = trust(dataset.folder, DataRoot(root.parent), by=by, why=why, facts=facts).at
    with replacing_folder(root / made) as folder:
        told = {"format": _FORMAT, "id": made, "dataset_id": dataset.id, "by": by, "at": at, "images": images}
        write_json(folder / FILE, told)
    return open_trusted(root / made)


def open_trusted(folder: Path) -> TrustedSubset:
    """The trusted subset of a folder, held to the signed history of the data set that it was marked in.

    The id covers all that is said; only an event that the data root signed can make somebody's word of an id.

    Raises:
        BadPoison: it is not as it was written, or that history tells of nobody who vouched for it.
        BrokenHistory: that history is not whole.
    """
    try:
        told = cast("dict[str, Any]", read_json(folder / FILE))
        images = tuple((str(name), str(pixels), int(label)) for name, pixels, label in told["images"])
        made = content_id({"dataset": told["dataset_id"], "images": [list(one) for one in images], "by": told["by"]})
        if told["format"] != _FORMAT or made != told["id"]:
            raise ValueError(f"its content makes the id {made}, {told['id']} is written there")
        if made != folder.name:
            raise ValueError(f"its content makes the id {made}, it lies under {folder.name}")
        dataset_id, by = str(told["dataset_id"]), str(told["by"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise BadPoison(f"{folder.name}: not a trusted subset as it was written: {e}; mark the images again") from e
    marked = _marked(DataRoot(folder.parent.parent), dataset_id, made)
    return TrustedSubset(made, dataset_id, images, by, marked.at)


def _marked(root: DataRoot, dataset_id: str, subset_id: str) -> Event:
    """The newest event by which somebody vouched for this subset."""
    try:
        events = read_history(root.find("datasets", dataset_id), root)
    except (UnknownArtefact, NoHistory) as e:
        raise BadPoison(f"{subset_id}: no history tells who vouched for these images: {e}; mark them again") from e
    for event in reversed(events):
        if event.kind is EventKind.TRUST and event.what.get(SUBSET) == subset_id:
            return event
    raise BadPoison(f"{subset_id}: the history of data set {dataset_id} has nobody who vouched for it; mark it again")


def check_covers(dataset: Dataset, rows: np.ndarray) -> None:
    """Refuse a subset that says nothing of a class.

    Raises:
        BadPoison: names every class that lacks some, how many it lacks, and how many there must be.
    """
    counts = np.bincount(dataset.labels[rows], minlength=len(dataset.classes)).tolist()
    named = zip(dataset.classes, counts, strict=True)
    if short := [f"{n} of {name} (lacks {LEAST - n})" for name, n in named if n < LEAST]:
        raise BadPoison(
            f"too few trusted images: {', '.join(short)}; give at least {LEAST} of every class, best {ENOUGH}"
        )


def proposed(dataset: Dataset, n_per_class: int = ENOUGH, *, seed: int = 0) -> np.ndarray:
    """Training images to look at and vouch for: as many of each class, drawn by chance, (n,) int64."""
    rows = dataset.indices("train")
    of_class = [rows[dataset.labels[rows] == label] for label in range(len(dataset.classes))]
    return np.sort(
        np.concatenate([drawn(dataset, some, n_per_class, seed=seed, purpose="trusted") for some in of_class])
    )
