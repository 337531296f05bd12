"""Jobs as rows, and the page of what a job made."""

from typing import Any

from flask import url_for
from sqlalchemy import select

from webapp.context import database
from webapp.jobs.lease import LIVE
from webapp.jobs.service import JobProgress
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


def jobs_page(number: int) -> Page[Job]:
    """One page of jobs, newest first."""
    with database().reading() as session:
        return page_of(session, select(Job).order_by(Job.id.desc()), number)


def under_way(*kinds: str) -> list[Job]:
    """Jobs of these kinds that wait or work, newest first."""
    query = select(Job).where(Job.kind.in_(kinds), Job.state.in_(LIVE)).order_by(Job.id.desc())
    with database().reading() as session:
        return list(session.scalars(query))


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
