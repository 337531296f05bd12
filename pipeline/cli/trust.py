"""`trust`: somebody vouches for an artefact as it is."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.event import REASON_LEAST, REASON_MOST
from pipeline.provenance.record import artefact, trust

NAME = "trust"
HELP = "vouch for a data set, or another artefact, as it is; begins a history where there is none"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the artefact, who vouches for it and why."""
    parser.add_argument("id", help="id of the data set, classifier, adversarial set, detector or gate")
    parser.add_argument("--by", required=True, type=_said, help="who vouches for it")
    parser.add_argument(
        "--why",
        required=True,
        type=_reason,
        help=f"why: what was looked at, and how, in {REASON_LEAST} to {REASON_MOST:,} signs",
    )
    parser.add_argument(
        "--anew", action="store_true", help="set a history that is not whole aside, and begin another that says so"
    )


def _said(text: str) -> str:
    if not text.strip():
        raise ArgumentTypeError("nothing is said; a word that somebody gives has a name and a reason")
    return text


def _reason(text: str) -> str:
    n = len(_said(text))
    if not REASON_LEAST <= n <= REASON_MOST:
        raise ArgumentTypeError(f"a reason of {n} signs; give {REASON_LEAST} to {REASON_MOST:,}")
    return text


def run(args: Namespace, progress: Progress) -> Answer:
    """Check it, then write the event."""
    root = DataRoot(args.root)
    folder = artefact(root, args.id)
    event = trust(folder, root, by=args.by, why=args.why, anew=args.anew)
    said = f"{event.subject}: {event.by} vouches for it as it is, event {event.seq}, manifest {event.manifest[:16]}…"
    return Answer(event.to_json(), [said])
