"""`release`: classifier and detector become one gate at a stated false-alarm rate."""

from argparse import ArgumentParser, Namespace

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.event import COMMAND_LINE

NAME = "release"
HELP = "compile a detector and its classifier into a gate"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the detector and the operating point."""
    parser.add_argument("detector", help="id of the detector")
    parser.add_argument("--name", default="gate", help="what to call it (default: %(default)s)")
    parser.add_argument(
        "--alpha", type=float, default=0.01, help="false-alarm rate on clean scans (default: %(default)s)"
    )
    parser.add_argument(
        "--alpha-uncertain", type=float, help="up to this p-value a scan is uncertain (default: 2 alpha)"
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Compile and release."""
    from pipeline.detection.files import open_detector
    from pipeline.gate.release import release

    root = DataRoot(args.root)
    gate = release(
        open_detector(root.find("detectors", args.detector)),
        root,
        name=args.name,
        alpha=args.alpha,
        alpha_uncertain=args.alpha_uncertain,
        by=COMMAND_LINE,
        progress=progress,
    )
    low, high = gate.band
    lines = [
        f"{gate.id}  {args.name}",
        f"  flags {gate.alpha:.1%} of clean scans by design; with n = {gate.n_calibration} calibration scans the true "
        f"rate lies between {low:.2%} and {high:.2%} (95 %)",
        f"  {gate.alpha_uncertain - gate.alpha:.1%} more are uncertain by design",
    ]
    facts = {"id": gate.id, "folder": str(gate.folder), "alpha": gate.alpha, "band": [low, high]}
    facts["alpha_uncertain"] = gate.alpha_uncertain
    return Answer({**facts, "n_calibration": gate.n_calibration}, lines)
