"""The seam to whatever carries tickets; nothing else knows which engine is in use."""

from typing import Protocol

from webapp.config import Settings


class Engine(Protocol):
    """Carries tickets to workers; it may lose, double, delay or reorder them."""

    def send(self, job_id: int, idx: int, queue: str) -> None:
        """Let some worker of the queue try this shard, some time.

        Raises:
            OSError: the engine did not take the ticket.
        """


def engine_for(settings: Settings) -> Engine:
    """The engine that the settings name."""
    if settings.jobs_engine == "huey":
        from webapp.jobs.huey_engine import HueyEngine

        return HueyEngine(settings)
    from webapp.jobs.inline import InlineEngine

    return InlineEngine()
