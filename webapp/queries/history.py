"""What pages and the API tell of histories: the events of an artefact and of what it was made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.descent import SUBSET, Ancestor, lineage
from pipeline.provenance.event import Event, EventKind
from pipeline.provenance.export import exported
from pipeline.provenance.kept import Examination, last_examination
from pipeline.provenance.record import check_linked, has_history
from webapp.context import context
from webapp.errors import UnknownRecord
from webapp.jobs.verifying import HOMES
from webapp.queries.artefacts import WORDS, named
from webapp.records.artefacts import Artefact, ArtefactKind

EVENT_WORDS = {
    EventKind.IMPORT: "Imported",
    EventKind.SPLIT: "Divided into splits",
    EventKind.FLIP: "Labels flipped on purpose",
    EventKind.INJECTION: "Trigger of a backdoor planted on purpose",
    EventKind.RELABEL: "Relabelled",
    EventKind.DROP: "Images dropped",
    EventKind.ATTACK: "Built by attacks",
    EventKind.TRAINING: "Trained",
    EventKind.WEIGHTS: "Weights of elsewhere imported",
    EventKind.RELEASE: "Released",
    EventKind.RECALIBRATION: "Recalibrated",
    EventKind.TRUST: "Vouched for",
}
_OF_IMAGES = "Vouched for some images"
STANDARDS = {ArtefactKind.DATASET: "croissant", ArtefactKind.CLASSIFIER: "cyclonedx"}
"""In which standard others are told of an artefact's provenance, by its kind."""

_KINDS = {home: kind for kind, home in HOMES.items()}
_NOT_FACTS = ("manifest", "parents")
_LONGEST = 300


@dataclass(frozen=True)
class Made:
    """What something was made of, as a page names it: its words, and its history's page where it is listed."""

    subject: str
    words: str
    artefact_id: str | None
    note: str = ""


@dataclass(frozen=True)
class Told:
    """An event in words."""

    event: Event
    words: str
    facts: tuple[tuple[str, str], ...]
    parents: tuple[Made, ...]


@dataclass(frozen=True)
class Past:
    """The history of one artefact; where there is none to show, `broken` or `missing` says why."""

    made: Made
    depth: int
    events: tuple[Told, ...]
    missing: str = ""
    broken: str = ""
    removed: bool = False  # Whether there is no file of it to be downloaded.


@dataclass(frozen=True)
class HistoryView:
    """An artefact's history, those that it descends from, and what its last verification found.

    `outdated` says that events were added after that verification.
    """

    own: Past
    ancestors: tuple[Past, ...]
    examined: Examination | None
    outdated: bool


def keeping(artefact_id: str) -> Artefact:
    """The artefact of this id, of a kind that keeps a history.

    Raises:
        UnknownRecord: there is none.
    """
    rows = [row for row in named([artefact_id]) if row.kind in HOMES]
    if not rows:
        kinds = ", ".join(WORDS[kind] for kind in HOMES)
        raise UnknownRecord(f"There is no {kinds} with the id {artefact_id}. See the lists for those there are.")
    return rows[0]


def place_of(row: Artefact) -> tuple[Path, DataRoot]:
    """The folder of an artefact, and the data root that signs for it."""
    return context().path(row.folder), DataRoot(context().settings.data_root)


def history_view(row: Artefact) -> HistoryView:
    """Everything that the page of a history shows; what is broken is told and not raised."""
    folder, root = place_of(row)
    found = lineage(folder, root)
    rows = {one.id: one for one in named([_id(one.subject) for one in found] + _ids_of_parents(found))}
    own = Past(_made(found[0].subject, rows), 0, tuple(_told(event, rows) for event in found[0].events))
    try:
        check_linked(folder)
        read_history(folder, root)
    except NoHistory as e:
        own = Past(own.made, 0, (), missing=str(e))
    except BrokenHistory as e:
        own = Past(own.made, 0, (), broken=str(e), removed=not has_history(folder))
    examined = last_examination(folder, root)
    outdated = bool(examined and own.events and examined.head != own.events[-1].event.sha256)
    ancestors = tuple(
        Past(_made(one.subject, rows), one.depth, tuple(_told(event, rows) for event in one.events), one.missing)
        for one in found[1:]
    )
    return HistoryView(own, ancestors, examined, outdated)


def newest_head(row: Artefact) -> str:
    """The hash of the newest event of a history; "" where there is none that holds."""
    try:
        return read_history(*place_of(row))[-1].sha256
    except (NoHistory, BrokenHistory):
        return ""


def history_file(row: Artefact) -> bytes:
    """The file of a history as it lies there, whole or not.

    Raises:
        NoHistory: there is none.
    """
    folder, root = place_of(row)
    if not has_history(folder):
        read_history(folder, root)  # Says so.
    return (folder / HISTORY).read_bytes()


def exported_as(row: Artefact, standard: str, said: Mapping[str, str]) -> dict[str, object]:
    """What others are told of an artefact's provenance: a data set as "croissant", a classifier as "cyclonedx".

    Raises:
        UnknownRecord: it is of another kind.
        NoHistory: it has none.
        BrokenHistory: it is not what its history says; nothing is told of such.
    """
    if STANDARDS.get(row.kind) != standard:
        fitting = next(kind for kind, name in STANDARDS.items() if name == standard)
        raise UnknownRecord(f"{row.name} is a {WORDS[row.kind]}; only a {WORDS[fitting]} is told as {standard}.")
    return exported(*place_of(row), said=dict(said))


def told_events(events: Sequence[Event]) -> tuple[Told, ...]:
    """Events in words, with links to what they name."""
    ids = [_id(parent["subject"]) for event in events for parent in event.what.get("parents", ())]
    rows = {one.id: one for one in named(ids)}
    return tuple(_told(event, rows) for event in events)


def made(subject: str) -> Made:
    """What "datasets/<id>" is called, and its page."""
    return _made(subject, {one.id: one for one in named([_id(subject)])})


def _ids_of_parents(found: Iterable[Ancestor]) -> list[str]:
    return [_id(p["subject"]) for one in found for event in one.events for p in event.what.get("parents", ())]


def _told(event: Event, rows: Mapping[str, Artefact]) -> Told:
    facts = tuple((name.replace("_", " "), _text(value)) for name, value in event.what.items() if _is_fact(name, value))
    parents = tuple(
        _made(parent["subject"], rows, str(parent.get("note", ""))) for parent in event.what.get("parents", ())
    )
    words = _OF_IMAGES if event.kind is EventKind.TRUST and SUBSET in event.what else EVENT_WORDS[event.kind]
    return Told(event, words, facts, parents)


def _made(subject: str, rows: Mapping[str, Artefact], note: str = "") -> Made:
    row = rows.get(_id(subject))
    kind = _KINDS.get(subject.partition("/")[0])
    if row is None or row.kind is not kind:
        return Made(subject, f"{WORDS[kind] if kind else 'artefact'} {_id(subject)}", None, note)
    return Made(subject, f"{WORDS[kind]} {row.name}", row.id, note)


def _id(subject: str) -> str:
    return subject.rpartition("/")[2]


def _is_fact(name: str, value: object) -> bool:
    return name not in _NOT_FACTS and value not in ("", None, {}, [])


def _text(value: Any) -> str:
    """A fact in one line: numbers and words as they are, nested ones by name."""
    if isinstance(value, Mapping):
        text = ", ".join(f"{name} {_text(one)}" for name, one in value.items() if one not in (None, "", {}, []))
    elif isinstance(value, list | tuple):
        text = ", ".join(_text(one) for one in value)
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
