"""What a command is: its words, its arguments, and a run that gives an answer to print."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

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
