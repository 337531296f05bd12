"""The images of a data set as pages and the API list them: of a class and a split, one page at a time."""

from dataclasses import dataclass

import numpy as np

from datasets.store import Dataset
from datasets.unlabelled import is_unlabelled
from webapp.errors import UnknownRecord
from webapp.queries.paging import Page

PER_PAGE = 60


@dataclass(frozen=True)
class Listed:
    """An image under its label."""

    index: int
    name: str
    label: str
    split: str


@dataclass(frozen=True)
class Gallery:
    """Some images of a data set.

    Attributes:
        unlabelled: whether the data set has no labels.
        class_name: of the class that is shown; None for all.
        split: that is shown; "" for all.
        classes: each with its number of images in that split.
        splits: each with its number of images of that class.
        page: of the images, in the order of the data set.
    """

    unlabelled: bool
    class_name: str | None
    split: str
    classes: tuple[tuple[str, int], ...]
    splits: tuple[tuple[str, int], ...]
    page: Page[Listed]


def gallery(dataset: Dataset, *, label: int | None, split: str, number: int, size: int = PER_PAGE) -> Gallery:
    """One page of the images of a class, by its number, and of a split; of all where None or "" are given.

    Raises:
        UnknownRecord: there is no such class or split.
    """
    counts = dataset.counts()
    if label is not None and not 0 <= label < len(dataset.classes):
        raise UnknownRecord(
            f"{dataset.name} has no class of the number {label}; use 0 to {len(dataset.classes) - 1}, or name none."
        )
    if split and not any(counts.get(split, ())):
        there = ", ".join(name for name, row in counts.items() if any(row))
        raise UnknownRecord(f"{dataset.name} has no image in a split {split!r}; there are {there}.")
    rows = dataset.indices(split) if split else np.arange(len(dataset))
    if label is not None:
        rows = rows[dataset.labels[rows] == label]
    items = dataset.items
    shown = [
        Listed(index, items[index].name, dataset.classes[items[index].label], items[index].split)
        for index in rows[(number - 1) * size : number * size].tolist()
    ]
    of_split = [row for name, row in counts.items() if not split or name == split]
    return Gallery(
        unlabelled=is_unlabelled(dataset.classes),
        class_name=None if label is None else dataset.classes[label],
        split=split,
        classes=tuple((name, sum(row[k] for row in of_split)) for k, name in enumerate(dataset.classes)),
        splits=tuple((name, sum(row) if label is None else row[label]) for name, row in counts.items() if any(row)),
        page=Page(shown, number, len(rows), size),
    )
