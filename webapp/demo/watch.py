"""Shows a job's progress in the terminal while it is done in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.cli.terminal import shown_progress
from webapp.jobs.service import Jobs

_EVERY_S = 0.5
_PARTS = 100


@contextmanager
def watched(jobs: Jobs, job_id: int) -> Iterator[None]:
    """Show the job's fraction, message and ETA until the block ends."""
    ended = threading.Event()
    title = jobs.progress(job_id).title

    def watch() -> None:
        with shown_progress(title) as shown:
            while not ended.wait(_EVERY_S):
                now = jobs.progress(job_id)
                shown(min(int(_PARTS * now.fraction), _PARTS - 1), _PARTS, now.message)
            shown(_PARTS, _PARTS, jobs.progress(job_id).message)

    thread = threading.Thread(target=watch, name=f"watch job {job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
