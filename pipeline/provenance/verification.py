"""Whether an artefact is what its history says, every level of it: what is found is named and never raised."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from datasets.progress import Progress, ignore
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.chain import read_history, subject_of
from pipeline.provenance.differences import named_differences
from pipeline.provenance.event import Event
from pipeline.provenance.manifest import Manifest, kept_as, manifest_found
from pipeline.provenance.unrecorded import check_unrecorded


@dataclass(frozen=True)
class Verification:
    """Whether an artefact is what its history says.

    Attributes:
        subject: as "datasets/<id>".
        differences: what is not, in words; none where it is whole.
        n_events: in its history.
        n_files: items and files that were hashed.
        seconds: that it took.
    """

    subject: str
    differences: tuple[str, ...]
    n_events: int
    n_files: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def verify(
    folder: Path, root: DataRoot, *, key: Ed25519PublicKey | None = None, progress: Progress = ignore
) -> Verification:
    """Whether an artefact, each of its levels and weights, is what its signed history says.

    Args:
        folder: of the artefact.
        root: whose public key is asked, unless another one is given.
        key: the public key as somebody kept it elsewhere.
        progress: called now and then.
    """
    began = time.monotonic()
    try:
        events = _events(folder, root, key)
    except (NoHistory, BrokenHistory) as e:
        return Verification(subject_of(folder), (str(e),), 0, 0, time.monotonic() - began)
    signed = events[-1].manifest
    known = {root_: Manifest.read(folder, root_) for root_ in {event.manifest for event in events}}
    now = manifest_found(folder, known[signed], progress=progress)
    told = [f"{kept_as(gone)}: missing or changed; bring it back" for gone, kept in known.items() if kept is None]
    told += [] if now == known[signed] or now.root == signed else named_differences(now, known[signed])
    told += _lost_parents(events, root, key)
    seconds = time.monotonic() - began
    return Verification(subject_of(folder), tuple(told), len(events), len(now.items) + len(now.files), seconds)


def _events(folder: Path, root: DataRoot, key: Ed25519PublicKey | None) -> tuple[Event, ...]:
    """The events of an artefact; where there are none, whether that is all that is to be said."""
    try:
        return read_history(folder, root, key=key)
    except NoHistory:
        check_unrecorded(folder)
        raise


def _lost_parents(events: Iterable[Event], root: DataRoot, key: Ed25519PublicKey | None) -> list[str]:
    """Parents that are there and no longer have the event that a child was made after."""
    told = []
    for parent in (parent for event in events for parent in event.what.get("parents", ())):
        folder = root.path / parent["subject"]
        if parent["head"] is None or not folder.is_dir():
            continue
        try:
            heads = {event.sha256 for event in read_history(folder, root, key=key)}
        except (NoHistory, BrokenHistory) as e:
            told.append(f"what it was made of: {e}")
            continue
        if parent["head"] not in heads:
            told.append(f"what it was made of: {parent['subject']} no longer has the event {parent['head'][:16]}…")
    return told
