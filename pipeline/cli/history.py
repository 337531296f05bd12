"""`history`: what was done to an artefact, and what it descends from."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.chain import read_history
from pipeline.provenance.descent import Ancestor, lineage
from pipeline.provenance.event import Event
from pipeline.provenance.record import artefact

NAME = "history"
HELP = (
    "print the signed history of a data set, classifier, adversarial set, detector or gate, and what it descends from"
)
_HEX_SHOWN = 16


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the artefact."""
    parser.add_argument(
        "id", help="its id, the beginning of it, or datasets/…, models/…, adversarial/…, detectors/…, gates/…"
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Read its history, which proves every link and the signature, and those of its ancestors."""
    root = DataRoot(args.root)
    folder = artefact(root, args.id)
    read_history(folder, root)
    found = lineage(folder, root)
    facts = {"id": folder.name, "kind": folder.parent.name, "lineage": [_facts(one) for one in found]}
    return Answer(facts, [line for one in found for line in _lines(one)])


def _facts(one: Ancestor) -> dict[str, object]:
    return {**asdict(one), "events": [event.to_json() for event in one.events]}


def _lines(one: Ancestor) -> list[str]:
    head = f"{'' if one.depth == 0 else 'made of '}{one.subject}" + (f": {one.missing}" if one.missing else "")
    return [head, *(line for event in one.events for line in _told(event))]


def _told(event: Event) -> list[str]:
    plain = {key: value for key, value in event.what.items() if isinstance(value, str | int | float)}
    said = ", ".join(f"{key} {_short(value)}" for key, value in plain.items())
    return [
        f"  {event.seq:>3}  {event.at}  {event.kind:<13} {event.sha256[:_HEX_SHOWN]}…  {event.by}",
        f"       {said}",
    ]


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:_HEX_SHOWN]}…" if len(text) == 64 else text
