"""Histories across artefacts: what something descends from, who vouched for it, and what changed since."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets.progress import Progress, ignore
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.chain import read_history, subject_of
from pipeline.provenance.differences import Difference, differing_files, differing_items
from pipeline.provenance.event import Event, EventKind
from pipeline.provenance.manifest import Manifest, kept_as, manifest_found

SUBSET = "subset"
"""A fact of trust events that vouch for a part of a data set only."""


@dataclass(frozen=True)
class Ancestor:
    """An artefact that another one descends from, or that one itself.

    Attributes:
        subject: as "datasets/<id>".
        depth: 0 for the artefact that was asked about, 1 for what it was made of.
        events: its history; none where `missing` says why.
        missing: why there is no history: the artefact is gone, was made before, or its history is broken.
        broken: whether it is the last of these.
    """

    subject: str
    depth: int
    events: tuple[Event, ...] = ()
    missing: str = ""
    broken: bool = False


@dataclass(frozen=True)
class Changes:
    """What is not as it was when somebody vouched for it; `since` may be an event of what it was made of."""

    subject: str
    since: Event
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Root:
    """A word that somebody gave, and the artefact that is held against it: that one, or one of its kind made of it."""

    subject: str
    since: Event


@dataclass(frozen=True)
class Standing:
    """Who vouched for what in the descent of an artefact.

    Attributes:
        roots: the nearest words on every line of descent, the nearest first; behind them nothing is looked for.
        unvouched: the artefact, and what it descends from, as far as nobody vouched for all of it.
        events: what was done since, from what was vouched for downwards.
    """

    roots: tuple[Root, ...]
    unvouched: tuple[Ancestor, ...]
    events: tuple[Event, ...]


def lineage(folder: Path, root: DataRoot) -> tuple[Ancestor, ...]:
    """An artefact and all that it descends from, each once, in the order of their distance."""
    found: dict[str, Ancestor] = {}
    ahead = [(subject_of(folder), 0)]
    for subject, depth in ahead:
        if subject in found:
            continue
        found[subject] = _ancestor(root.path / subject, root, depth)
        ahead += [(parent, depth + 1) for parent in _parents(found[subject].events)]
    return tuple(found.values())


def standing(folder: Path, root: DataRoot) -> Standing:
    """Which words of whom an artefact stands on: the newest for all of it or, where there is none, those nearest to it.

    Each line of descent is followed until somebody vouched for all of an artefact, of whatever kind: what a classifier
    learned from stands for it where nobody looked at the classifier.

    Raises:
        NoHistory: it has none, or nobody vouched for it, nor for anything that it descends from.
        BrokenHistory: its history, or that of one on the way, is not whole.
    """
    read_history(folder, root)
    found = {one.subject: one for one in lineage(folder, root)}
    roots, unvouched = _followed(found, subject_of(folder))
    if not roots:
        raise NoHistory(
            f"{subject_of(folder)}: nobody vouched for it, nor for anything that it descends from; look at it, then "
            f"`python -m pipeline trust {folder.name} --by NAME --why REASON`"
        )
    newest = {one.since.subject: one.since.seq for one in roots}
    events = (
        event
        for one in reversed(found.values())
        if one.subject in newest or one.subject in unvouched
        for event in one.events
        if event.seq > newest.get(one.subject, 0)
    )
    return Standing(roots, tuple(unvouched.values()), tuple(events))


def changes(
    folder: Path, root: DataRoot, *, since: int | None = None, progress: Progress = ignore
) -> tuple[Changes, ...]:
    """What changed in an artefact and in what it descends from since somebody vouched, or since an event of its own.

    There is one of them for each of the roots that the artefact stands on. Data sets are compared item by item, other
    artefacts by their files.

    Args:
        folder: of the artefact.
        root: where it and its ancestors lie.
        since: number of an event of its own, in place of those roots.
        progress: called now and then.

    Raises:
        NoHistory: as `standing` does, or there is no event of that number.
        BrokenHistory: as `standing` does, or what was vouched for can no longer be read.
    """
    if since is None:
        roots = standing(folder, root).roots
    else:
        own = read_history(folder, root)
        roots = (Root(subject_of(folder), _numbered(own, since, folder)),)
    return tuple(_changed(one, root, progress) for one in roots)


def vouched(events: tuple[Event, ...]) -> Event | None:
    """The newest event by which somebody vouched for all of an artefact; None where nobody did."""
    return next((one for one in reversed(events) if one.kind is EventKind.TRUST and SUBSET not in one.what), None)


def _followed(found: Mapping[str, Ancestor], subject: str) -> tuple[tuple[Root, ...], dict[str, Ancestor]]:
    """The roots of an artefact, and all before them."""
    roots: dict[tuple[str, str], Root] = {}
    unvouched: dict[str, Ancestor] = {}
    # Each with the artefact of its kind that is held against it: the one that something of another kind was made of.
    ahead = {(subject, subject): None}
    for pair in (turn := list(ahead)):
        one = found[pair[0]]
        if one.broken:
            raise BrokenHistory(f"{one.subject}: {one.missing}")
        if event := vouched(one.events):
            roots[pair[1], event.sha256] = Root(pair[1], event)
            continue
        unvouched[one.subject] = one
        for parent in _parents(one.events):
            following = (parent, pair[1] if _kind(parent) == _kind(one.subject) else parent)
            if following not in ahead:
                ahead[following] = None
                turn.append(following)
    return tuple(roots.values()), unvouched


def _changed(one: Root, root: DataRoot, progress: Progress) -> Changes:
    was = Manifest.read(root.path / one.since.subject, one.since.manifest)
    if was is None:
        raise BrokenHistory(
            f"{one.since.subject}: {kept_as(one.since.manifest)} is gone or was changed; bring it back from a backup"
        )
    folder = root.path / one.subject
    own = read_history(folder, root)
    now = manifest_found(folder, Manifest.read(folder, own[-1].manifest), progress=progress)
    compared = differing_items(now, was) if was.items else differing_files(now.files, was.files)
    return Changes(one.subject, one.since, tuple(compared))


def _ancestor(folder: Path, root: DataRoot, depth: int) -> Ancestor:
    subject = subject_of(folder)
    if not folder.is_dir():
        return Ancestor(subject, depth, missing="no longer in this data root")
    try:
        return Ancestor(subject, depth, read_history(folder, root))
    except (NoHistory, BrokenHistory) as e:
        broken = isinstance(e, BrokenHistory)
        return Ancestor(subject, depth, missing=str(e).removeprefix(f"{subject}: "), broken=broken)


def _parents(events: tuple[Event, ...]) -> Iterator[str]:
    return (parent["subject"] for event in events for parent in event.what.get("parents", ()))


def _kind(subject: str) -> str:
    return subject.partition("/")[0]


def _numbered(events: tuple[Event, ...], seq: int, folder: Path) -> Event:
    if not 1 <= seq <= len(events):
        raise NoHistory(f"{subject_of(folder)}: no event {seq}; its history has 1 to {len(events)}")
    return events[seq - 1]
