"""The history of an artefact: one event a line, each naming the hash of the one before, under one signature.

The last line of `history.jsonl` is a DSSE envelope that signs the newest event, so that a tail that was cut is found
as well as a line that was changed. Events and signature change together: the file is written beside and renamed.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from datasets.atomic import canonical_json, replacing
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.event import FIRST, Event, EventKind, now
from pipeline.provenance.signing import Envelope, opened, sign, signing_key, verifying_key

HISTORY = "history.jsonl"
HISTORY_FILES = "history*"
"""What belongs to a history: what is written anew keeps the files of this pattern."""

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:scangate:history:v1"
NO_HISTORY = (
    "no history is there: it was removed, or this was made before histories were kept; look at it, then "
    "`python -m pipeline trust {id} --by NAME --why REASON` starts one"
)
START_ANEW = (
    "bring the folder back from a backup, or look at it and start anew: `python -m pipeline trust {id} --anew --by NAME"
    " --why REASON`"
)
"""The way out of a history that does not hold, to be filled in with an id."""


def subject_of(folder: Path) -> str:
    """What events call an artefact: the names of the folders of its kind and its id."""
    return f"{folder.parent.name}/{folder.name}"


def read_history(folder: Path, root: DataRoot, *, key: Ed25519PublicKey | None = None) -> tuple[Event, ...]:
    """The events of an artefact, from the first on, after every link and the signature were checked.

    Args:
        folder: of the artefact.
        root: whose public key is asked.
        key: is asked in its place, where given.

    Raises:
        NoHistory: there is none, and nothing of one.
        BrokenHistory: an event or the signature was changed, dropped, added or moved; names the first one. Or the
            history is gone and something of it is left.
    """
    try:
        content = (folder / HISTORY).read_bytes()
    except FileNotFoundError:
        if left := sorted(path.name for path in folder.glob(HISTORY_FILES)):
            raise BrokenHistory(
                f"{subject_of(folder)}: {HISTORY} was removed, {left[0]} of it is left; "
                f"{START_ANEW.format(id=folder.name)}"
            ) from None
        raise NoHistory(f"{subject_of(folder)}: {NO_HISTORY.format(id=folder.name)}") from None
    *lines, signature = content.removesuffix(b"\n").split(b"\n")
    try:
        events = tuple(_linked(lines, subject_of(folder)))
        if not content.endswith(b"\n"):
            raise BrokenHistory("its last line is not whole")
        _check_signature(signature, events, key or verifying_key(root))
    except BrokenHistory as e:
        raise BrokenHistory(f"{subject_of(folder)}: {HISTORY}: {e}; {START_ANEW.format(id=folder.name)}") from e
    return events


def append_event(folder: Path, root: DataRoot, kind: EventKind, *, by: str, what: Mapping[str, Any]) -> Event:
    """Add an event to the history of an artefact, or begin one, and sign it.

    Raises:
        BrokenHistory: the history is not whole, and stays as it is; or the data root's key is gone.
    """
    key = signing_key(root)
    with _locked(folder):
        # Where the file is gone another begins, whatever is left of it; who calls this has asked whether it may.
        events = read_history(folder, root) if (folder / HISTORY).exists() else ()
        previous = events[-1].sha256 if events else FIRST
        seq, subject = len(events) + 1, subject_of(folder)
        event = Event(seq=seq, kind=kind, at=now(), by=by, subject=subject, what=what, previous=previous)
        # As it will be read: what JSON cannot say is refused here, and tuples have become lists.
        event = Event.from_json(json.loads(canonical_json(event.to_json())))
        envelope = sign(PAYLOAD_TYPE, canonical_json(_statement(event)), key)
        rows = [*(one.to_json() for one in (*events, event)), envelope.to_json()]
        with replacing(folder / HISTORY) as beside:
            beside.write_bytes(b"".join(canonical_json(row) + b"\n" for row in rows))
    return event


def set_aside(folder: Path) -> str:
    """Take a history out of the way, so that another can begin; gives the hash of the file as it was.

    It stays beside the new one, under a name that ends in the beginning of that hash.
    """
    with _locked(folder):
        content = (folder / HISTORY).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        (folder / HISTORY).rename(folder / f"{HISTORY}.{digest[:16]}")
    return digest


def _linked(lines: list[bytes], subject: str) -> Iterator[Event]:
    previous = FIRST
    for seq, line in enumerate(lines, 1):
        try:
            event = Event.from_json(json.loads(line))
            same = canonical_json(event.to_json()) == line
        except (ValueError, RecursionError) as e:
            raise BrokenHistory(f"event {seq} cannot be read ({e})") from e
        named = f"event {seq} ({event.kind}, {event.at})"
        if not same:
            raise BrokenHistory(f"{named} was changed: it does not hash to what is written there")
        if event.seq != seq or event.previous != previous:
            raise BrokenHistory(f"{named} does not follow event {seq - 1}: one was dropped, added, changed or moved")
        if event.subject != subject:
            raise BrokenHistory(f"{named} is about {event.subject}: the history of something else lies here")
        previous = event.sha256
        yield event


def _check_signature(line: bytes, events: tuple[Event, ...], key: Ed25519PublicKey) -> None:
    try:
        envelope = Envelope.from_json(json.loads(line))
        same = canonical_json(envelope.to_json()) == line
    except (ValueError, RecursionError) as e:
        raise BrokenHistory("the signature is missing: the last line is no DSSE envelope") from e
    if not same:
        raise BrokenHistory("the signature was changed: its line is not as it was written")
    statement = json.loads(opened(envelope, key))
    if not events or statement != _statement(events[-1]):
        signed = statement.get("predicate", {}).get("seq")
        raise BrokenHistory(f"it ends with event {len(events)}, signed was event {signed}: its tail was cut or grown")


def _statement(event: Event) -> dict[str, object]:
    """What is signed, as an in-toto statement: the newest event, which names all before it, and the manifest."""
    subjects = {f"{event.subject}/{HISTORY}": event.sha256, f"{event.subject}/manifest": event.manifest}
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()],
        "predicateType": PREDICATE,
        "predicate": {"seq": event.seq, "kind": event.kind.value, "at": event.at, "by": event.by},
    }


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else appends meanwhile; readers need not wait, since they see one whole file or the other."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
