"""`train-classifier`: a classifier from the training images of a data set."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from datasets.progress import Progress
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer

NAME = "train-classifier"
HELP = "train a classifier on a data set"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the data set and what is most often set."""
    parser.add_argument("dataset", help="id of the data set")
    parser.add_argument("--name", default="classifier", help="what to call it (default: %(default)s)")
    parser.add_argument("--architecture", help="a registered architecture (default: SequentialCNN)")
    parser.add_argument("--size", type=int, help="side of the square that it sees, in pixels (default: 224)")
    parser.add_argument("--epochs", type=int, help="at most so many epochs")
    parser.add_argument("--batch-size", type=int, help="images a step")
    parser.add_argument("--seed", type=seed, help="seed of weights, order and augmentation (default: 0)")
    parser.add_argument(
        "--pretrained",
        nargs="?",
        const=True,
        metavar="FILE",
        help="start from ImageNet weights: those of torch hub's cache, or of this file",
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Train, then judge on the test split."""
    from pipeline.evaluation import evaluate_classifier
    from pipeline.training.settings import TrainingSettings
    from pipeline.training.train import train_classifier

    root = DataRoot(args.root)
    dataset = open_dataset(root.find("datasets", args.dataset))
    named = ("architecture", "size", "epochs", "batch_size", "seed", "pretrained")
    given = {name: getattr(args, name) for name in named if getattr(args, name) is not None}
    imagenet = Path(args.pretrained) if isinstance(args.pretrained, str) else None
    if imagenet is not None:
        given["pretrained"] = True
    settings = TrainingSettings.from_json(given)
    classifier = train_classifier(
        dataset, settings, root.models, work=root.work, name=args.name, imagenet=imagenet, progress=progress
    )
    report = evaluate_classifier(classifier, dataset)
    lines = [f"{classifier.id}  {args.name}", *report.table().splitlines()]
    return Answer({"id": classifier.id, "folder": str(classifier.folder), "report": report.to_json()}, lines)
