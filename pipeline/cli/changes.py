"""`changes`: what is not as it was when somebody vouched for a data set."""

from argparse import ArgumentParser, Namespace
from collections import Counter

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.descent import changes
from pipeline.provenance.record import artefact

NAME = "changes"
HELP = "tell what changed in a data set since its trusted root, or that of the data set it was made of"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the data set and the event to compare with."""
    parser.add_argument("dataset", help="id of the data set")
    parser.add_argument("--since", type=int, metavar="N", help="an event of its history (default: the trusted root)")


def run(args: Namespace, progress: Progress) -> Answer:
    """Compare, item by item."""
    root = DataRoot(args.root)
    found = changes(artefact(root, args.dataset), root, since=args.since, progress=progress)
    counts = Counter(one.what for one in found.differences)
    event = found.since
    since = f"since event {event.seq} of {event.subject} ({event.kind}, {event.at}, {event.by})"
    told = ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) or "nothing changed"
    facts = {
        "id": found.subject,
        "since": event.to_json(),
        "counts": dict(counts),
        "differences": [one.to_json() for one in found.differences],
    }
    return Answer(facts, [f"{found.subject} {since}: {told}", *(f"  {one}" for one in found.differences)])
