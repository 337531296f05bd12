"""What was found when an artefact was last verified, kept so that it can be told without reading everything again.

It is a note and no proof: whoever can write to the data root can write it as well. Verifying again is the proof.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datasets.atomic import read_json, write_json
from datasets.progress import Progress, ignore
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.chain import read_history, subject_of
from pipeline.provenance.descent import Changes, changes
from pipeline.provenance.differences import Difference
from pipeline.provenance.event import UNNAMED, Event, now
from pipeline.provenance.verification import Verification, verify

FILE = "verified.json"


@dataclass(frozen=True)
class Examination:
    """What a verification found, and what changed since somebody vouched.

    Attributes:
        at: when, UTC, ISO 8601.
        by: who asked for it.
        head: hash of the newest event then; "" where the history could not be read.
        verification: whether the artefact is what its history says.
        changes: since somebody vouched, for each of the roots that it stands on; none where `not_compared` says why.
        not_compared: nobody vouched for it, or something is broken.
    """

    at: str
    by: str
    head: str
    verification: Verification
    changes: tuple[Changes, ...] = ()
    not_compared: str = ""

    def to_json(self) -> dict[str, object]:
        """As JSON values."""
        found = [
            {
                "subject": told.subject,
                "since": told.since.to_json(),
                "differences": [one.to_json() for one in told.differences],
            }
            for told in self.changes
        ]
        return {**asdict(self), "verification": asdict(self.verification), "changes": found}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> "Examination":
        """What was written so.

        Raises:
            KeyError, TypeError, ValueError: it was not.
        """
        verified, found = raw["verification"], raw["changes"]
        verification = Verification(**{**verified, "differences": tuple(verified["differences"])})
        # Notes of before descents were followed hold one of them, or null.
        several = found if isinstance(found, list) else [found] if found else []
        told = (
            Changes(
                one["subject"],
                Event.from_json(one["since"]),
                tuple(Difference(**difference) for difference in one["differences"]),
            )
            for one in several
        )
        return cls(**{**raw, "verification": verification, "changes": tuple(told)})


def examine(folder: Path, root: DataRoot, *, by: str = UNNAMED, progress: Progress = ignore) -> Examination:
    """Verify an artefact, tell what changed since somebody vouched for it or for what it descends from, and keep both.

    Args:
        folder: of the artefact, which stays as it is.
        root: the data root that it lies in.
        by: who asks, in words.
        progress: called now and then; may raise to cancel, and then nothing is kept.
    """
    verification = verify(folder, root, progress=progress)
    head, why = "", ""
    found: tuple[Changes, ...] = ()
    try:
        head = read_history(folder, root)[-1].sha256
        found = changes(folder, root, progress=progress)
    except (NoHistory, BrokenHistory) as e:
        why = str(e)
    made = Examination(now(), by, head, verification, found, why)
    file = _file(folder, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, made.to_json())
    return made


def last_examination(folder: Path, root: DataRoot) -> Examination | None:
    """What was found when it was last verified; None where it never was, or where that cannot be read any more."""
    try:
        raw: Any = read_json(_file(folder, root))
        return Examination.from_json(raw)
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _file(folder: Path, root: DataRoot) -> Path:
    return root.path / "reports" / f"verified-{subject_of(folder).replace('/', '-')}" / FILE
