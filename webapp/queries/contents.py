"""What pages show of what lies inside an artefact."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets.store import Dataset, open_dataset
from datasets.unlabelled import is_unlabelled
from webapp.context import context
from webapp.queries.paging import Page, cut
from webapp.records.artefacts import Artefact

_THUMBS_PER_CLASS = 4
_THUMBS_UNLABELLED = 12
_FINDINGS = 50


@dataclass(frozen=True)
class DatasetView:
    """A data set as its page shows it."""

    n_items: int
    unlabelled: bool
    splits: tuple[str, ...]
    table: list[tuple[str, list[int]]]  # A class, and its number in each split.
    totals: list[int]
    report: dict[str, Any]
    kind: str
    findings: Page[dict[str, str]]


@dataclass(frozen=True)
class Thumb:
    """A picture of a data set."""

    index: int
    class_name: str
    split: str


def open_stored_dataset(row: Artefact) -> Dataset:
    """The data set behind a row."""
    return _opened(context().path(row.folder))


def dataset_view(dataset: Dataset, *, kind: str, number: int) -> DatasetView:
    """A data set with one page of its findings, of one kind where one is given."""
    counts = dataset.counts()
    splits = tuple(split for split, row in counts.items() if any(row))
    table = [(name, [counts[split][label] for split in splits]) for label, name in enumerate(dataset.classes)]
    report: dict[str, Any] = dict(dataset.report())
    findings = [found for found in report.get("findings", []) if not kind or found["kind"] == kind]
    totals = [sum(counts[split]) for split in splits]
    page = cut(findings, number, size=_FINDINGS)
    return DatasetView(len(dataset), is_unlabelled(dataset.classes), splits, table, totals, report, kind, page)


def thumbnails(dataset: Dataset) -> list[Thumb]:
    """The first pictures of each class; more of the only one where there are no labels."""
    found: list[Thumb] = []
    n_each = _THUMBS_UNLABELLED if is_unlabelled(dataset.classes) else _THUMBS_PER_CLASS
    left = dict.fromkeys(range(len(dataset.classes)), n_each)
    for index, item in enumerate(dataset.items):
        if left[item.label]:
            left[item.label] -= 1
            found.append(Thumb(index, dataset.classes[item.label], item.split))
    return sorted(found, key=lambda thumb: thumb.class_name)


def classifier_report(row: Artefact) -> dict[str, Any] | None:
    """The report on the test split; None where the classifier was never evaluated."""
    report: dict[str, Any] | None = row.facts.get("report")
    return report


def detector_cells(row: Artefact) -> Sequence[dict[str, Any]]:
    """How the detector does on each attack and radius, and on harmless changes."""
    cells: Sequence[dict[str, Any]] = row.facts.get("cells", [])
    return cells


@lru_cache(maxsize=8)
def _opened(folder: Path) -> Dataset:
    # A data set never changes under its id; opening reads the whole manifest.
    return open_dataset(folder)
