"""What pages show of trusted subsets: images proposed to be looked at, and those that somebody vouches for."""

from collections.abc import Iterable
from dataclasses import dataclass

from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.poisoning.trusted import ENOUGH, TrustedSubset, open_trusted, proposed
from webapp.context import context
from webapp.queries.artefacts import artefact, artefacts_of
from webapp.queries.contents import open_stored_dataset
from webapp.queries.paging import Page
from webapp.records.artefacts import Artefact, ArtefactKind

_PER_PAGE = 60


@dataclass(frozen=True)
class Shown:
    """An image of a data set under its label."""

    index: int
    name: str
    label: str


def proposal(dataset: Dataset, *, n_per_class: int = ENOUGH, seed: int = 0) -> list[tuple[str, list[Shown]]]:
    """Each class with the images to look at, drawn by the seed."""
    by_class: dict[str, list[Shown]] = {name: [] for name in dataset.classes}
    for one in _shown(dataset, proposed(dataset, n_per_class, seed=seed).tolist()):
        by_class[one.label].append(one)
    return list(by_class.items())


def subset_of(row: Artefact) -> TrustedSubset:
    """The trusted subset behind a row.

    Raises:
        BadPoison: it is not as it was written.
    """
    return open_trusted(context().path(row.folder))


def vouched_page(row: Artefact, *, number: int) -> Page[Shown]:
    """One page of the images that are vouched for, by class."""
    subset = subset_of(row)
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, subset.dataset_id))
    by_class = sorted(subset.rows(dataset).tolist(), key=lambda index: (dataset.items[index].label, index))
    some = by_class[(number - 1) * _PER_PAGE : number * _PER_PAGE]
    return Page(list(_shown(dataset, some)), number, len(by_class), _PER_PAGE)


def trusted_for(dataset: Dataset) -> list[Artefact]:
    """Trusted subsets of a data set, or of one that it was made from, newest first."""
    known = set(_line(dataset))
    return [row for row in artefacts_of(ArtefactKind.TRUSTED) if known.intersection(row.parents)]


def _line(dataset: Dataset) -> Iterable[str]:
    """The data set and those that it was made from, the nearest first."""
    root = DataRoot(context().settings.data_root)
    rows = {row.id: row for row in artefacts_of(ArtefactKind.DATASET)}
    found = [dataset.id]
    parent = dataset.source.get("parent")
    while isinstance(parent, str) and parent not in found:
        found.append(parent)
        known = rows.get(parent) if (root.path / "datasets" / parent).is_dir() else None
        parent = open_stored_dataset(known).source.get("parent") if known else None
    return found


def _shown(dataset: Dataset, indices: Iterable[int]) -> Iterable[Shown]:
    for index in indices:
        item = dataset.items[index]
        yield Shown(index, item.name, dataset.classes[item.label])
