"""`screen`: the decision on one file; the exit status is the verdict."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer

NAME = "screen"
HELP = "screen one image; exit status 0 clean, 2 adversarial, 3 uncertain, 4 not screened"
STATUS = {"clean": 0, "adversarial": 2, "uncertain": 3, "not_screened": 4}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the file and the gate."""
    parser.add_argument("file", type=Path, help="PNG, JPEG, TIFF, BMP or single-frame DICOM")
    parser.add_argument("--gate", help="id of the gate (default: the newest)")


def run(args: Namespace, progress: Progress) -> Answer:
    """Screen the file through the gate."""
    from pipeline.gate.screening import open_gate, screen_upload

    root = DataRoot(args.root)
    gate = open_gate(root.find("gates", args.gate) if args.gate else root.newest("gates"))
    decision = screen_upload(gate, args.file.read_bytes(), args.file.name)
    progress(1, 1, "screened")
    return Answer(decision.to_public(), decision.sentences(), STATUS[decision.verdict])
