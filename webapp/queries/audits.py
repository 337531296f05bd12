"""What pages and the API tell of an audit, and what can be audited."""

from typing import Any

from datasets.atomic import read_json
from webapp.context import context
from webapp.errors import UnknownRecord
from webapp.jobs.audit import LEAST_CLASSES
from webapp.queries.artefacts import artefacts_of, labelled_datasets
from webapp.records.artefacts import Artefact, ArtefactKind

FILE = "audit.json"
"""Written by `pipeline.poisoning.audit`, which loads torch."""


def audit_of(row: Artefact) -> dict[str, Any]:
    """The figures of an audit: a row a class under `classes`, and what it comes to under `said`."""
    found: Any = read_json(context().path(row.folder) / FILE)
    return dict(found)


def mark_png(row: Artefact, label: int) -> bytes:
    """The mark of one class as a picture, on black.

    Raises:
        UnknownRecord: there is no such class.
    """
    path = context().path(row.folder) / f"{label}.png"
    if not path.is_file():
        raise UnknownRecord(f"The audit {row.name} has no class of the number {label}. See its page.")
    return path.read_bytes()


def audited(classifier_id: str) -> list[Artefact]:
    """The audits of a classifier, newest first."""
    return [row for row in artefacts_of(ArtefactKind.AUDIT) if row.parents[:1] == [classifier_id]]


def auditable() -> list[Artefact]:
    """Classifiers of at least three classes, newest first: of two, neither can stand out."""
    return [row for row in artefacts_of(ArtefactKind.CLASSIFIER) if len(row.facts.get("classes", ())) >= LEAST_CLASSES]


def fitting_datasets(classifier: Artefact | None) -> list[Artefact]:
    """Data sets with labels, those of a classifier's own classes where one is given, newest first."""
    rows = labelled_datasets()
    if classifier is None:
        return rows
    return [row for row in rows if row.facts.get("classes") == classifier.facts.get("classes")]
