"""The kinds of job: how each is cut into shards and how one shard is done."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets.progress import Progress
from pipeline.provenance.event import UNNAMED
from webapp.config import Settings
from webapp.errors import BadJob
from webapp.records.artefacts import ArtefactKind

Params = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """One shard to be: stage s starts when all stages below are done."""

    stage: int = 0
    weight: float = 1.0  # Share of the job's work, for the progress bar.


@dataclass(frozen=True, kw_only=True)
class Made:
    """An artefact that a shard made; its row is written in the very commit that ends the shard."""

    kind: ArtefactKind
    id: str
    name: str
    folder: Path
    parents: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def _keep_quiet(text: str) -> None:
    """Take a line that nobody reads."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the function of a kind is given for one shard."""

    settings: Settings
    params: Params
    job_id: int
    idx: int
    stage: int
    attempt: int
    folder: Path  # The job's own; it goes when the job is done.
    output: Path  # What the shard writes, named after the attempt, so that a late one overwrites nothing.
    parts: tuple[Path, ...]  # Outputs of the lower stages, in the order of their shards.
    progress: Progress
    by: str = UNNAMED  # Who ordered it, for the histories of what it makes.
    note: Callable[[str], None] = _keep_quiet  # A line for the job's log, which its page shows as it grows.

    @property
    def scratch(self) -> Path:
        """A folder for checkpoints, the same for every attempt at this shard."""
        path = self.folder / f"work-{self.idx}"
        path.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of job.

    `shards` runs in the process that enqueues, so it takes seconds at most, must not import torch, and refuses
    parameters with a domain error. `run` runs in a worker, maybe more than once, and gives the same result each time.
    """

    name: str
    title: str
    shards: Callable[[Settings, Params], Sequence[ShardPlan]]
    run: Callable[[Work], Made | None]
    queue: str = "cpu"


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Add a kind of job.

    Raises:
        BadJob: the name is taken by another.
    """
    if KINDS.setdefault(kind.name, kind) is not kind:
        raise BadJob(f"The kind of job {kind.name!r} is registered already; choose another name.")
    return kind


def load_kinds(settings: Settings) -> None:
    """Import the modules that register kinds: our own, and those that the settings name."""
    lab = ("poisoning", "finding", "repairing", "replaying", "audit")
    ours = ("kinds", "recalibration", "judging", "attacking", *lab, "verifying")
    for module in (*(f"webapp.jobs.{name}" for name in ours), *settings.kind_modules):
        importlib.import_module(module)


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises:
        BadJob: there is none.
    """
    if name not in KINDS:
        raise BadJob(f"There is no kind of job {name!r}; there are {', '.join(sorted(KINDS)) or 'none'}.")
    return KINDS[name]


def title_of(name: str) -> str:
    """What a kind is called on pages; its name where it is gone."""
    return KINDS[name].title if name in KINDS else name
