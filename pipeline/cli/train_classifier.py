"""`train-classifier`: a classifier from the training images of a data set."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import radius, seed
from pipeline.cli.command import Answer
from pipeline.errors import BadTraining
from pipeline.provenance.event import COMMAND_LINE
from pipeline.provenance.opening import checked_dataset
from pipeline.training.hardening_settings import METHODS, HardeningSettings

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
    harder = parser.add_argument_group(
        "hardening", "learn from attacked images; an epoch then costs several times as much"
    )
    harder.add_argument("--harden", choices=list(METHODS), help="by one step of FGSM, or by several of PGD")
    harder.add_argument("--harden-eps", type=radius, metavar="EPS", help="their radius, such as 2/255 (default: 4/255)")
    harder.add_argument("--harden-steps", type=int, metavar="N", help="gradient steps of pgd (default: 7)")


def run(args: Namespace, progress: Progress) -> Answer:
    """Train, then judge on the test split."""
    from pipeline.evaluation import evaluate_classifier
    from pipeline.training.settings import TrainingSettings
    from pipeline.training.train import train_classifier

    named = ("architecture", "size", "epochs", "batch_size", "seed", "pretrained")
    given = {name: getattr(args, name) for name in named if getattr(args, name) is not None}
    imagenet = Path(args.pretrained) if isinstance(args.pretrained, str) else None
    if imagenet is not None:
        given["pretrained"] = True
    settings = TrainingSettings.from_json({**given, "hardening": _hardening(args)})
    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    classifier = train_classifier(
        dataset,
        settings,
        root.models,
        work=root.work,
        name=args.name,
        imagenet=imagenet,
        by=COMMAND_LINE,
        progress=progress,
    )
    report = evaluate_classifier(classifier, dataset)
    lines = [f"{classifier.id}  {args.name}", *report.table().splitlines()]
    facts = {"id": classifier.id, "folder": str(classifier.folder), "report": report.to_json()}
    if isinstance(robustness := classifier.notes.get("robustness"), dict):
        facts["robustness"] = robustness
        lines += _robustness_lines(robustness)
    return Answer(facts, lines)


def _hardening(args: Namespace) -> HardeningSettings | None:
    given = {"eps": args.harden_eps, "steps": args.harden_steps}
    given = {name: value for name, value in given.items() if value is not None}
    if args.harden is not None:
        return HardeningSettings(method=args.harden, **given)
    if given:
        named = ", ".join(f"--harden-{name}" for name in given)
        raise BadTraining(f"{named} without --harden; give --harden {' or --harden '.join(METHODS)} as well")
    return None


def _robustness_lines(told: dict[str, Any]) -> list[str]:
    accuracy = f"robust validation accuracy {told['accuracy']:.3f} of {told['n']} images"
    attack = f"under PGD of {told['steps']} steps within {told['eps'] * 255:g}/255, which chose the epoch"
    return [f"{accuracy} {attack}", *([told["collapsed"]] if "collapsed" in told else [])]
