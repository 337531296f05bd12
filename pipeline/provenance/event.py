"""One event in the life of an artefact, tied to the one before it by its hash, and to what the artefact was made of."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from datasets.atomic import canonical_json

FIRST = "0" * 64
"""What the first event names as the one before it."""

COMMAND_LINE = "command line"
UNNAMED = "not told"
"""Who did it, where a command did, and where nobody said."""

REASON_LEAST, REASON_MOST = 10, 1_000
"""Signs of the reason of somebody who vouches; fewer say nothing that a reader could judge."""


class EventKind(StrEnum):
    """What can happen to an artefact."""

    IMPORT = "import"
    SPLIT = "split"
    FLIP = "flip"
    INJECTION = "injection"
    RELABEL = "relabel"
    DROP = "drop"
    ATTACK = "attack"  # An adversarial set was built.
    TRAINING = "training"
    WEIGHTS = "weights"  # Weights of elsewhere were imported.
    RELEASE = "release"
    RECALIBRATION = "recalibration"
    TRUST = "trust"  # Somebody vouches for the artefact as it is, or for a part of it.


@dataclass(frozen=True, kw_only=True)
class Event:
    """What was done.

    Attributes:
        seq: 1 for the first.
        kind: what happened.
        at: when, UTC, ISO 8601.
        by: who, in words.
        subject: what it happened to, as "datasets/<id>".
        what: JSON facts: parents, recipe, seed, digest of indices. "manifest" is the root of the artefact's manifest
            as it was afterwards.
        previous: `sha256` of the event before, `FIRST` where there is none.
    """

    seq: int
    kind: EventKind
    at: str
    by: str
    subject: str
    what: Mapping[str, Any] = field(default_factory=dict)
    previous: str = FIRST

    @property
    def sha256(self) -> str:
        """The hash of all the above, 64 hex digits."""
        return hashlib.sha256(canonical_json(asdict(self))).hexdigest()

    @property
    def manifest(self) -> str:
        """The root of the artefact's manifest after this event."""
        return str(self.what["manifest"])

    def to_json(self) -> dict[str, object]:
        """As a line of the history, with its own hash."""
        return {**asdict(self), "sha256": self.sha256}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Event":
        """The event of a line; whether its hash is the one written there is for the chain to say.

        Raises:
            ValueError: it is no event.
        """
        try:
            given = {key: value for key, value in raw.items() if key != "sha256"}
            event = cls(**{**given, "kind": EventKind(given["kind"])})
            event.manifest  # noqa: B018 - every event has one
        except (AttributeError, KeyError, TypeError) as e:
            raise ValueError(f"not an event: {e}") from e
        return event


@dataclass(frozen=True)
class Parent:
    """An artefact that another one is made of, as it was found just before.

    Attributes:
        subject: as "datasets/<id>".
        head: hash of its newest event; None where it has no history.
        manifest: root of its manifest.
    """

    subject: str
    head: str | None
    manifest: str | None

    def to_json(self) -> dict[str, object]:
        """As events and notes hold it."""
        said = {} if self.head else {"note": "no history was kept of it"}
        return {"subject": self.subject, "head": self.head, "manifest": self.manifest, **said}


def indices_digest(indices: Iterable[int]) -> str:
    """SHA-256 over the numbers of items, in their order: what an event says of many items in one line."""
    return hashlib.sha256(canonical_json([int(index) for index in indices])).hexdigest()


def now() -> str:
    """This second in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
