"""`export-provenance`: a data set as Croissant, a classifier as a CycloneDX bill of materials."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from datasets.atomic import write_json
from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.croissant import SAID, said_of
from pipeline.provenance.export import exported
from pipeline.provenance.record import artefact

NAME = "export-provenance"
HELP = "write what is known of a data set as Croissant 1.1, of a classifier as a CycloneDX 1.6 bill of materials"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the artefact, the file, and what only people know of a data set."""
    parser.add_argument("id", help="id of the data set or classifier")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    for name, words in SAID.items():
        parser.add_argument(f"--{name}", help=f"of a data set: {words}")


def run(args: Namespace, progress: Progress) -> Answer:
    """Write the file, after the history was checked."""
    root = DataRoot(args.root)
    folder = artefact(root, args.id)
    told = exported(folder, root, said=said_of(vars(args)))
    write_json(args.out, told)
    standard = "Croissant 1.1" if folder.parent.name == "datasets" else "CycloneDX 1.6"
    return Answer({"out": str(args.out), "standard": standard}, [f"{folder.name} as {standard}: {args.out}"])
