"""`repair-poison`: without the confirmed images, or with their true labels, and a classifier trained anew."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any, cast

from datasets.atomic import read_json
from datasets.progress import Progress
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.cli.lab_training import add_training, training
from pipeline.cli.mark_trusted import items
from pipeline.errors import BadPoison
from pipeline.provenance.opening import checked_dataset

NAME = "repair-poison"
HELP = "drop or relabel confirmed images, train anew, and compare with the classifier of before"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what is confirmed and what is done about it."""
    parser.add_argument("dataset", help="id of the poisoned data set")
    parser.add_argument("classifier", help="id of the classifier that was trained on it")
    parser.add_argument("--drop", type=items, default=[], help="numbers of images, with commas between")
    parser.add_argument("--relabel", type=relabelled, default={}, help="such as 17=2,40=0: image and true class number")
    parser.add_argument(
        "--suspects",
        choices=("drop", "relabel"),
        help="do this to everything that find-poison flagged, as if all of it were confirmed",
    )
    parser.add_argument("--cleared", type=items, default=[], help="suspects that nothing is done to")
    add_training(parser)


def relabelled(text: str) -> dict[int, int]:
    """Images and their classes, as 17=2,40=0.

    Raises:
        ArgumentTypeError: a part is not of that form.
    """
    found = {}
    for part in text.split(","):
        image, _, label = (piece.strip() for piece in part.partition("="))
        if not image.isdecimal() or not label.isdecimal():
            raise ArgumentTypeError(f"{part!r}; give image and class number, such as 17=2")
        found[int(image)] = int(label)
    return found


def run(args: Namespace, progress: Progress) -> Answer:
    """Repair, train, and tell what was gained."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.learned import check_learned
    from pipeline.poisoning.repair import repair
    from pipeline.poisoning.repaired import compare_repair

    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    before = open_classifier(root.find("models", args.classifier))
    check_learned(before.folder, dataset, imported=True)
    drop, relabel = set(args.drop), dict(args.relabel)
    for index, suggested in _suspects(root, dataset, args.suspects).items():
        if index in args.cleared or index in args.drop or index in args.relabel:
            continue
        if args.suspects == "relabel" and suggested is not None and suggested != dataset.items[index].label:
            relabel[index] = suggested
        else:
            drop.add(index)
    made = repair(
        dataset,
        root.datasets,
        name=f"{dataset.name}, repaired",
        drop=drop,
        relabel=relabel,
        progress=progress,
    )
    told = compare_repair(dataset, made, before, training(args, dataset), root, progress=progress)
    return Answer(told.to_json(), told.lines())


def _suspects(root: DataRoot, dataset: Dataset, what: str | None) -> dict[int, int | None]:
    """What the default finder flagged, with the class that it suggests."""
    if what is None:
        return {}
    file = root.reports / dataset.id / "suspects.json"
    if not file.exists():
        raise BadPoison(f"nobody looked for poison in {dataset.name} yet; run find-poison first")
    told = cast("dict[str, Any]", read_json(file))
    return {one["index"]: one["suggested"] for one in told["suspects"] if "fused" in one["flagged_by"]}
