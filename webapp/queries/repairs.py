"""What pages show of repairs: what would be changed, and what came of a repair."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets.atomic import content_id, read_json
from datasets.store import Dataset
from pipeline.detector_report.blocks import Table
from pipeline.poisoning.repair import check_repair
from pipeline.poisoning_report.repair_page import RepairPage, changes_table, repair_page
from webapp.context import context
from webapp.jobs.repairing import REPORT_FILE
from webapp.queries.paging import Page, cut
from webapp.queries.suspects import confirmed, finding_of
from webapp.records.artefacts import Artefact

DROPPED, RELABELLED = "dropped", "relabelled"
_PER_PAGE = 24


@dataclass(frozen=True, kw_only=True)
class RepairAsked:
    """What is to be repaired, and by which images; `finding_id` where they were confirmed there."""

    dataset_id: str
    classifier_id: str
    drop: list[int] = field(default_factory=list)
    relabel: dict[int, int] = field(default_factory=dict)
    trusted_id: str | None = None
    finding_id: str | None = None

    def params(self) -> dict[str, Any]:
        """The parameters of the job; JSON knows no numbers as keys."""
        named = {name: getattr(self, name) for name in ("dataset_id", "classifier_id", "trusted_id", "finding_id")}
        return {**named, "drop": self.drop, "relabel": {str(item): label for item, label in self.relabel.items()}}

    @property
    def digest(self) -> str:
        """What tells whether somebody confirmed or cleared an image since a page was shown."""
        return content_id(self.params())


@dataclass(frozen=True)
class Changed:
    """An image that a repair changes; `after` is None where it is dropped."""

    index: int
    name: str
    before: str
    after: str | None


@dataclass(frozen=True)
class Changes:
    """What a repair would change: counts of each class, and every image."""

    n_dropped: int
    n_relabelled: int
    table: Table
    images: list[Changed]

    def page(self, number: int) -> Page[Changed]:
        """One page of the images."""
        return cut(self.images, number, size=_PER_PAGE)


@dataclass(frozen=True)
class Repair:
    """A repair that is done, as it was kept."""

    report: Mapping[str, Any]
    page: RepairPage


def asked_of_finding(row: Artefact) -> RepairAsked:
    """What is confirmed of a finding by now."""
    found, (drop, relabel) = finding_of(row), confirmed(row.id)
    named = {name: found[name] for name in ("dataset_id", "classifier_id", "trusted_id")}
    return RepairAsked(**named, drop=drop, relabel=relabel, finding_id=row.id)


def changes_of(dataset: Dataset, asked: RepairAsked) -> Changes:
    """What would be changed.

    Raises:
        BadDataset, BadPoison: as `check_repair` does.
    """
    drop, relabel = check_repair(dataset, drop=asked.drop, relabel=asked.relabel)
    items, names = dataset.items, dataset.classes
    table = changes_table(
        names,
        dataset.counts()["train"],
        [items[index].label for index in drop],
        [(items[index].label, label) for index, label in relabel.items()],
    )
    shown = {**dict.fromkeys(drop), **{index: names[label] for index, label in relabel.items()}}
    images = [Changed(index, items[index].name, names[items[index].label], shown[index]) for index in sorted(shown)]
    return Changes(len(drop), len(relabel), table, images)


def repair_of(row: Artefact) -> Repair:
    """What a repair left."""
    return _kept(context().path(row.folder))


def changed_page(repair: Repair, *, which: str, number: int, size: int = _PER_PAGE) -> Page[Changed]:
    """One page of the images that a repair dropped, or of those that it relabelled."""
    names = repair.report["classes"]
    if which == RELABELLED:
        told = repair.report["relabelled"]
        return cut(
            [Changed(one["item"], one["name"], names[one["from"]], names[one["to"]]) for one in told], number, size=size
        )
    told = repair.report["dropped"]
    return cut([Changed(one["item"], one["name"], names[one["label"]], None) for one in told], number, size=size)


@lru_cache(maxsize=16)
def _kept(folder: Path) -> Repair:
    # A repair never changes under its id.
    report: Any = read_json(folder / REPORT_FILE)
    return Repair(report, repair_page(report))
