"""Artefacts as rows: lists, one by its id, and which gate stands."""

from dataclasses import dataclass

from sqlalchemy import Select, func, select

from datasets.unlabelled import is_unlabelled
from webapp.context import database
from webapp.errors import UnknownRecord
from webapp.queries.paging import Page, page_of
from webapp.records.artefacts import Artefact, ArtefactKind, Release, Upload

WORDS = {
    ArtefactKind.DATASET: "data set",
    ArtefactKind.CLASSIFIER: "classifier",
    ArtefactKind.ADVERSARIAL: "adversarial set",
    ArtefactKind.DETECTOR: "detector",
    ArtefactKind.GATE: "gate",
    ArtefactKind.REPORT: "report",
    ArtefactKind.POISONING: "poisoning run",
    ArtefactKind.TRUSTED: "trusted subset",
    ArtefactKind.FINDING: "search for poison",
    ArtefactKind.REPAIR: "repair",
    ArtefactKind.AUDIT: "audit",
}


@dataclass(frozen=True)
class Standing:
    """How many of each kind there are, which gate is active, and, where none is, the newest that is released."""

    counts: dict[str, int]
    active_gate: Artefact | None
    idle_gate: Artefact | None


def artefacts_page(kind: ArtefactKind, number: int) -> Page[Artefact]:
    """One page of the artefacts of a kind, newest first."""
    with database().reading() as session:
        return page_of(session, _of_kind(kind), number)


def artefacts_of(kind: ArtefactKind) -> list[Artefact]:
    """Every artefact of a kind, newest first."""
    with database().reading() as session:
        return list(session.scalars(_of_kind(kind)))


def labelled_datasets() -> list[Artefact]:
    """Every data set that has classes to learn from, newest first."""
    return [row for row in artefacts_of(ArtefactKind.DATASET) if not is_unlabelled(row.facts.get("classes", ()))]


def artefact(kind: ArtefactKind, artefact_id: str) -> Artefact:
    """The artefact with this id.

    Raises:
        UnknownRecord: there is none of that kind.
    """
    with database().reading() as session:
        row = session.get(Artefact, artefact_id)
    if row is None or row.kind is not kind:
        raise UnknownRecord(f"There is no {WORDS[kind]} with the id {artefact_id}. See the list for those there are.")
    return row


def detectors_beside(row: Artefact) -> list[Artefact]:
    """The other detectors whose classifiers tell the same classes apart, newest first."""
    classes = {one.id: one.facts.get("classes") for one in artefacts_of(ArtefactKind.CLASSIFIER)}
    own = classes.get(row.facts.get("classifier_id", ""))
    others = [one for one in artefacts_of(ArtefactKind.DETECTOR) if one.id != row.id]
    return [one for one in others if own and classes.get(one.facts.get("classifier_id", "")) == own]


def named(ids: list[str]) -> list[Artefact]:
    """The artefacts with these ids, those that are there."""
    with database().reading() as session:
        return list(session.scalars(select(Artefact).where(Artefact.id.in_(ids))))


def upload(upload_id: str) -> Upload:
    """The upload with this id.

    Raises:
        UnknownRecord: there is none.
    """
    with database().reading() as session:
        row = session.get(Upload, upload_id)
    if row is None:
        raise UnknownRecord(f"There is no upload with the id {upload_id}. Send the file to /api/v1/uploads first.")
    return row


def active_gate() -> Artefact | None:
    """The gate that screens now; None before the first release."""
    with database().reading() as session:
        return session.scalar(select(Artefact).join(Release, Release.gate_id == Artefact.id).where(Release.active))


def idle_gate() -> Artefact | None:
    """The newest gate that could be made active, where none is."""
    with database().reading() as session:
        return None if active_gate() else session.scalar(_of_kind(ArtefactKind.GATE).limit(1))


def releases() -> list[Release]:
    """Every release, newest first."""
    with database().reading() as session:
        return list(session.scalars(select(Release).order_by(Release.id.desc())))


def standing() -> Standing:
    """What there is, for the first page."""
    with database().reading() as session:
        rows = session.execute(select(Artefact.kind, func.count()).group_by(Artefact.kind)).all()
    return Standing({str(kind): n for kind, n in rows}, active_gate(), idle_gate())


def _of_kind(kind: ArtefactKind) -> Select[Artefact]:
    return select(Artefact).where(Artefact.kind == kind).order_by(Artefact.created.desc(), Artefact.id)
