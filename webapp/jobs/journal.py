"""A job's log, and the text that errors leave there."""

import traceback

from sqlalchemy.orm import Session

from webapp.errors import is_domain_error
from webapp.records.jobs import JobLog

_MAX_CHARS = 4000


def note(session: Session, job_id: int, text: str, *, idx: int | None = None, level: str = "info") -> None:
    """Add a line to the job's log."""
    session.add(JobLog(job_id=job_id, idx=idx, level=level, text=text[-_MAX_CHARS:]))


def reason_of(error: Exception) -> str:
    """One sentence for the page: a domain error speaks for itself, any other is named."""
    if isinstance(error, MemoryError):
        return "Ran out of memory: give the worker more, or work on fewer or smaller images."
    return str(error) if is_domain_error(error) else f"{type(error).__name__}: {error}"[:_MAX_CHARS]


def trace_of(error: Exception) -> str:
    """The end of the traceback, for the log."""
    return "".join(traceback.format_exception(error))[-_MAX_CHARS:]
