"""`changes`: what is not as it was when somebody vouched for an artefact, or for what it descends from."""

from argparse import ArgumentParser, Namespace
from collections import Counter

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.descent import Ancestor, Changes, changes, standing
from pipeline.provenance.record import artefact

NAME = "changes"
HELP = "tell what changed since somebody vouched for a data set or another artefact, or for what it descends from"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the artefact and the event to compare with."""
    parser.add_argument("id", help="id of the data set, classifier, adversarial set, detector or gate")
    parser.add_argument(
        "--since",
        type=int,
        metavar="N",
        help="an event of its own history (default: the nearest by which anybody vouched)",
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Compare, item by item."""
    root = DataRoot(args.root)
    folder = artefact(root, args.id)
    unvouched = () if args.since is not None else standing(folder, root).unvouched
    found = changes(folder, root, since=args.since, progress=progress)
    compared = [{"subject": one.subject, "since": one.since.to_json(), "counts": dict(_counts(one))} for one in found]
    facts = {
        "id": f"{folder.parent.name}/{folder.name}",
        "since": compared[0]["since"],
        "counts": dict(sum(map(_counts, found), Counter())),
        "differences": [{"subject": one.subject, **told.to_json()} for one in found for told in one.differences],
        "compared": compared,
        "unvouched": [{"subject": one.subject, "missing": one.missing} for one in unvouched],
    }
    return Answer(facts, [*(line for one in found for line in _lines(one)), *map(_unvouched, unvouched)])


def _counts(one: Changes) -> Counter[str]:
    return Counter(told.what for told in one.differences)


def _lines(one: Changes) -> list[str]:
    event = one.since
    since = f"since event {event.seq} of {event.subject} ({event.kind}, {event.at}, {event.by})"
    told = ", ".join(f"{n} {what}" for what, n in sorted(_counts(one).items())) or "nothing changed"
    return [f"{one.subject} {since}: {told}", *(f"  {difference}" for difference in one.differences)]


def _unvouched(one: Ancestor) -> str:
    return f"{one.subject}: nobody vouched for it" + (f" ({one.missing})" if one.missing else "")
