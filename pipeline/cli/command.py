"""What a command is: its words, its arguments, and a run that gives an answer to print."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from datasets.atomic import replacing, write_json
from datasets.progress import Progress

Json = Mapping[str, object]


@dataclass(frozen=True)
class Answer:
    """What a command found: JSON for programs, lines for people, and its exit status."""

    facts: Json
    lines: list[str] = field(default_factory=list)
    status: int = 0


class Command(Protocol):
    """A module of this package that is a command."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, args: Namespace, progress: Progress) -> Answer:
        """Do the work."""


class Report(Protocol):
    """Figures that are told as JSON and as tables."""

    def to_json(self) -> dict[str, object]:
        """For programs."""

    def to_markdown(self) -> str:
        """For people."""


def reported(report: Report, path: Path | None) -> Answer:
    """The report as an answer; it is written beside `path`, as .json and .md, where one is given."""
    facts, text = report.to_json(), report.to_markdown()
    if path is not None:
        write_json(path.with_suffix(".json"), facts)
        with replacing(path.with_suffix(".md")) as incoming:
            incoming.write_text(text, encoding="utf-8")
    return Answer(facts, text.splitlines())
