"""Histories across artefacts: what something descends from, and what changed since somebody vouched for it."""

from collections.abc import Iterator
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
    """

    subject: str
    depth: int
    events: tuple[Event, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Changes:
    """What is not as it was when somebody vouched for it; `since` may be an event of what it descends from."""

    subject: str
    since: Event
    differences: tuple[Difference, ...]


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


def changes(folder: Path, root: DataRoot, *, since: int | None = None, progress: Progress = ignore) -> Changes:
    """What changed in a data set since the trusted root, or since an event of its own history.

    The trusted root is the newest event by which somebody vouched for all of the data set or, where nobody did, for the
    nearest one that it descends from. Other artefacts are compared by their files.

    Args:
        folder: of the data set.
        root: where it and its ancestors lie.
        since: number of an event of its own, in place of the trusted root.
        progress: called now and then.

    Raises:
        NoHistory: it has none, no event of that number, or nobody vouched for anything that it descends from.
        BrokenHistory: its history, or that of the trusted one, is not whole.
    """
    own = read_history(folder, root)
    start = _numbered(own, since, folder) if since is not None else trusted_root(folder, root)
    was = Manifest.read(root.path / start.subject, start.manifest)
    if was is None:
        raise BrokenHistory(
            f"{start.subject}: {kept_as(start.manifest)} is gone or was changed; bring it back from a backup"
        )
    now = manifest_found(folder, Manifest.read(folder, own[-1].manifest), progress=progress)
    compared = differing_items(now, was) if was.items else differing_files(now.files, was.files)
    return Changes(subject_of(folder), start, tuple(compared))


def trusted_root(folder: Path, root: DataRoot) -> Event:
    """The newest event by which somebody vouched for all of an artefact, or for the nearest one that it comes of.

    Only artefacts of its own kind count, such as the data set that a data set was made of.

    Raises:
        NoHistory: nobody vouched for any of them, or it has no history.
        BrokenHistory: the history of one on the way is not whole.
    """
    read_history(folder, root)
    for ancestor in lineage(folder, root):
        if not ancestor.subject.startswith(f"{folder.parent.name}/"):
            continue
        if ancestor.depth and ancestor.missing:
            raise BrokenHistory(f"{ancestor.subject}: {ancestor.missing}")
        for event in reversed(ancestor.events):
            if event.kind is EventKind.TRUST and SUBSET not in event.what:
                return event
    raise NoHistory(
        f"{subject_of(folder)}: nobody vouched for it, nor for what it was made of; look at it, then "
        f"`python -m pipeline trust {folder.name} --by NAME --why REASON`"
    )


def _ancestor(folder: Path, root: DataRoot, depth: int) -> Ancestor:
    subject = subject_of(folder)
    if not folder.is_dir():
        return Ancestor(subject, depth, missing="no longer in this data root")
    try:
        return Ancestor(subject, depth, read_history(folder, root))
    except (NoHistory, BrokenHistory) as e:
        return Ancestor(subject, depth, missing=str(e).removeprefix(f"{subject}: "))


def _parents(events: tuple[Event, ...]) -> Iterator[str]:
    return (parent["subject"] for event in events for parent in event.what.get("parents", ()))


def _numbered(events: tuple[Event, ...], seq: int, folder: Path) -> Event:
    if not 1 <= seq <= len(events):
        raise NoHistory(f"{subject_of(folder)}: no event {seq}; its history has 1 to {len(events)}")
    return events[seq - 1]
