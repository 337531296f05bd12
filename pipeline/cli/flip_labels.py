"""`flip-labels`: what flipped labels do to a classifier, beside one of the labels as they are."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from datasets.atomic import write_json
from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.cli.lab_examples import add_show, examples
from pipeline.cli.lab_training import add_seed, add_training, training
from pipeline.poisoning.classes import class_number
from pipeline.poisoning.flips import KINDS, ONE_WAY, FlipRecipe
from pipeline.provenance.event import COMMAND_LINE
from pipeline.provenance.opening import checked_dataset

if TYPE_CHECKING:
    from pipeline.poisoning.flip_lab import FlipReport

NAME = "flip-labels"
HELP = "poison a data set by flipped labels, train with and without them, and compare both classifiers"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the data set, the flips and the training."""
    parser.add_argument("dataset", help="id of a clean data set")
    parser.add_argument("--kind", choices=list(KINDS), default=ONE_WAY, help="default: %(default)s")
    parser.add_argument("--source", help="the class that is flipped from, by name or number; of one_way and pairwise")
    parser.add_argument("--target", help="the class that it is flipped to; of the same two")
    parser.add_argument(
        "--ratio",
        type=float,
        default=0.2,
        help="share of the training images of a class, 0 to 0.5 (default: %(default)s)",
    )
    parser.add_argument("--original", help="id of a classifier of the clean data set, instead of training one")
    add_show(parser)
    add_training(parser)
    add_seed(parser)


def run(args: Namespace, progress: Progress) -> Answer:
    """Flip, train twice, and tell."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.flip_lab import run_flip_lab

    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    source, target = (None if name is None else class_number(dataset, name) for name in (args.source, args.target))
    recipe = FlipRecipe(kind=args.kind, source=source, target=target, ratio=args.ratio, seed=args.seed)
    original = open_classifier(root.find("models", args.original)) if args.original else None
    how = training(args, dataset)
    report = run_flip_lab(dataset, recipe, how, root, original=original, by=COMMAND_LINE, progress=progress)
    write_json(root.reports / report.poisoned.id / "flips.json", report.to_json())
    models = {"original model": report.original.classifier, "poisoned model": report.other.classifier}
    shown = examples(args.show, dataset, report.poisoned, models, seed=args.seed, trigger=None, progress=progress)
    facts = {**report.to_json(), **shown.to_json()}
    return Answer(facts, [*filter(None, [report.not_learned]), *_lines(report), *shown.lines()])


def _lines(report: "FlipReport") -> Iterator[str]:
    yield f"{report.poisoned.id}  {report.poisoned.name}"
    for title, side in (("original", report.original), ("poisoned", report.other)):
        yield f"{side.classifier.id}  {title} model, on the clean test images:"
        yield from (f"  {line}" for line in side.report.table().splitlines())
    yield from report.analysis
