"""`import-dataset`: a zip, folder, array file or MNIST pair becomes a data set."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed, shares
from pipeline.cli.command import Answer
from pipeline.importing import import_dataset
from pipeline.provenance.event import COMMAND_LINE

NAME = "import-dataset"
HELP = "import a zip or folder of class folders, an .npz or .h5 of arrays, MNIST IDX files, or scans without labels"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the source, the name, the seed and shares of the splits, and whether there are labels."""
    parser.add_argument("source", type=Path, help="zip, folder, .npz, .h5 or IDX file")
    parser.add_argument("--name", help="what to call it (default: the name of the source)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the splits (default: %(default)s)")
    parser.add_argument(
        "--shares",
        type=shares,
        help="weights of the splits, as train=.6,val=.05,detector=.15,calibration=.2,test=.15; 0 leaves a split out",
    )
    parser.add_argument(
        "--unlabelled",
        action="store_true",
        help="take clean scans in folders of any kind, or in none, without classes and splits: for recalibrate alone",
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Import the source and count what came in."""
    name = args.name or args.source.stem
    dataset = import_dataset(
        args.source,
        DataRoot(args.root),
        name=name,
        seed=args.seed,
        shares=args.shares,
        unlabelled=args.unlabelled,
        by=COMMAND_LINE,
        progress=progress,
    )
    splits = Counter(item.split for item in dataset.items)
    classes = "no labels, for recalibrate alone" if args.unlabelled else f"classes {', '.join(dataset.classes)}"
    lines = [f"{dataset.id}  {name}: {len(dataset.items)} images, {classes}"]
    lines += [f"  {split}: {n}" for split, n in sorted(splits.items())]
    lines += [f"The findings are in {dataset.folder / 'report.json'}"]
    facts = {"id": dataset.id, "classes": list(dataset.classes), "splits": dict(splits), "folder": str(dataset.folder)}
    return Answer(facts, lines)
