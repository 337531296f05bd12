"""`recalibrate`: a detector's thresholds from clean scans of the place where it is to serve."""

from argparse import ArgumentParser, Namespace

from datasets.progress import Progress
from datasets.splits import SPLITS
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.event import COMMAND_LINE
from pipeline.provenance.opening import checked_dataset

NAME = "recalibrate"
HELP = "make a detector anew with thresholds from local clean scans"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the detector and the scans."""
    parser.add_argument("detector", help="id of the detector; it stays as it is")
    parser.add_argument("dataset", help="id of the data set of clean scans")
    parser.add_argument(
        "--split", action="append", choices=SPLITS, default=[], help="only this split; may be given several times"
    )
    parser.add_argument(
        "--alpha", type=float, help="the false-alarm rate wanted (default: 1 %%, or the smallest that n supports)"
    )
    parser.add_argument("--name", default="recalibrated", help="what to call it (default: %(default)s)")


def run(args: Namespace, progress: Progress) -> Answer:
    """Score the scans and write the new detector."""
    from pipeline.detection.files import open_detector
    from pipeline.detection.recalibrate import recalibrate

    root = DataRoot(args.root)
    made, report = recalibrate(
        open_detector(root.find("detectors", args.detector)),
        checked_dataset(root.find("datasets", args.dataset)),
        root,
        splits=tuple(args.split),
        alpha=args.alpha,
        name=args.name,
        by=COMMAND_LINE,
        progress=progress,
    )
    facts = {"id": made.id, "folder": str(made.folder), "n_calibration": report.n, "recalibration": report.to_json()}
    return Answer(facts, [f"{made.id}  {made.name}", *(f"  {line}" for line in report.lines())])
