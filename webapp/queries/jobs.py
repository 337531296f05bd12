"""Jobs as rows, and the page of what a job made."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from sqlalchemy import select

from webapp.context import database
from webapp.jobs.lease import LIVE
from webapp.jobs.registry import title_of
from webapp.jobs.service import WAITING, JobProgress
from webapp.jobs.waiting import waiting_since
from webapp.queries.artefacts import WORDS, named
from webapp.queries.paging import Page, page_of
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job

_PAGES = {
    ArtefactKind.DATASET: ("datasets.show", "dataset_id"),
    ArtefactKind.CLASSIFIER: ("classifiers.show", "classifier_id"),
    ArtefactKind.ADVERSARIAL: ("adversarial.show", "set_id"),
    ArtefactKind.DETECTOR: ("detectors.show", "detector_id"),
    ArtefactKind.GATE: ("gates.show", "gate_id"),
    ArtefactKind.POISONING: ("poisoning.show", "run_id"),
    ArtefactKind.TRUSTED: ("trusted.show", "trusted_id"),
    ArtefactKind.FINDING: ("poisoning_finding.show", "finding_id"),
    ArtefactKind.REPAIR: ("poisoning_repair.show", "repair_id"),
    ArtefactKind.AUDIT: ("audits.show", "audit_id"),
}
_REPORTING = ("evaluate_detector", "attack_detector")
"""Kinds of job that make a report on what was there before."""
_OF_HISTORY = ("verify_history", "trust_history")
"""Kinds of job whose result stands on the page of a history."""


_MAKES = {
    "import_dataset": ArtefactKind.DATASET,
    "import_classifier": ArtefactKind.CLASSIFIER,
    "train_classifier": ArtefactKind.CLASSIFIER,
    "build_adversarial": ArtefactKind.ADVERSARIAL,
    "train_detector": ArtefactKind.DETECTOR,
    "recalibrate_detector": ArtefactKind.DETECTOR,
    "release_gate": ArtefactKind.GATE,
    "flip_labels": ArtefactKind.POISONING,
    "plant_backdoor": ArtefactKind.POISONING,
    "find_poison": ArtefactKind.FINDING,
    "repair_poison": ArtefactKind.REPAIR,
    "audit_classifier": ArtefactKind.AUDIT,
}
"""What each kind of job makes; those that are left out work on what is there already."""


@dataclass(frozen=True)
class ListedJob:
    """A job in a list; `waiting_since` is None where it works or has ended."""

    row: Job
    title: str
    waiting_since: datetime | None

    @property
    def state(self) -> str:
        """Where it stands, in a word: a job whose next part no worker has in hand waits."""
        return "waiting" if self.waiting_since else str(self.row.state)

    @property
    def message(self) -> str:
        """What it does, or why it stopped."""
        return WAITING if self.waiting_since else self.row.error or self.row.message


@dataclass(frozen=True)
class Purpose:
    """What a job is for: the kind of thing that it makes, where those are listed, and what it works on."""

    makes: str
    list_url: str
    works_on: list[Artefact]


def jobs_page(number: int) -> Page[Job]:
    """One page of jobs, newest first."""
    with database().reading() as session:
        return page_of(session, select(Job).order_by(Job.id.desc()), number)


def listed(rows: Iterable[Job]) -> list[ListedJob]:
    """The jobs as lists show them."""
    rows = list(rows)
    with database().reading() as session:
        waiting = waiting_since(session, rows)
    return [ListedJob(row, title_of(row.kind), waiting.get(row.id)) for row in rows]


def under_way(*kinds: str) -> list[ListedJob]:
    """Jobs of these kinds that wait or work, newest first."""
    query = select(Job).where(Job.kind.in_(kinds), Job.state.in_(LIVE)).order_by(Job.id.desc())
    with database().reading() as session:
        rows = list(session.scalars(query))
    return listed(rows)


def purpose_of(job: JobProgress) -> Purpose:
    """What a job is for."""
    ids = [one for name, one in job.params.items() if name.endswith("_id") and isinstance(one, str)]
    works_on = sorted(filter(has_page, named(ids)), key=lambda row: ids.index(row.id))
    kind = _MAKES.get(job.kind)
    if kind is None:
        return Purpose("", "", works_on)
    return Purpose(WORDS[kind], url_for(_PAGES[kind][0].replace(".show", ".index")), works_on)


def made_by(job: JobProgress) -> tuple[str, str] | None:
    """Name and page of what a job made, or of the report on it; None before there is anything."""
    if job.artefact_id is None:
        return None
    with database().reading() as session:
        row = session.get(Artefact, job.artefact_id)
    if row and job.kind in _REPORTING:
        return f"Report on {row.name}", url_for("detectors.report", detector_id=row.id)
    if row and job.kind in _OF_HISTORY:
        return f"History of {row.name}", url_for("history.show", artefact_id=row.id)
    return (row.name, artefact_url(row)) if row and has_page(row) else None


def has_page(row: Artefact) -> bool:
    """Whether an artefact is of a kind that has pages."""
    return row.kind in _PAGES


def artefact_url(row: Artefact) -> str:
    """The page of an artefact."""
    endpoint, argument = _PAGES[row.kind]
    values: dict[str, Any] = {argument: row.id}
    return url_for(endpoint, **values)
