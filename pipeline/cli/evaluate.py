"""`evaluate`: how well a classifier or a detector does on scans that it has not seen, also under attack."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.progress import Progress
from datasets.store import Dataset
from datasets.unlabelled import check_labelled
from pipeline.artefacts import DataRoot
from pipeline.attacks.budget import check_count
from pipeline.cli.arguments import add_device, radius, seed
from pipeline.cli.command import Answer
from pipeline.errors import BadAttack, BadDevice, UnknownArtefact
from pipeline.provenance.opening import checked_dataset

if TYPE_CHECKING:  # A command that is only asked for its arguments loads no torch.
    from pipeline.models.files import Classifier

NAME = "evaluate"
HELP = "judge a classifier or a detector on the test split"
MAX_IMAGES = 1_000_000


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what is judged, and on what."""
    parser.add_argument("id", help="id of a classifier or of a detector")
    parser.add_argument("of", nargs="?", metavar="dataset", help="id of the data set, as --dataset gives it too")
    parser.add_argument("--dataset", help="id of the data set (default: the one that it was made from)")
    parser.add_argument("--split", default="test", help="which split (default: %(default)s)")
    parser.add_argument(
        "--alpha", type=float, help="false-alarm rate of a detector (default: 1 %%, or the smallest that n supports)"
    )
    add_device(parser)
    attacks = parser.add_argument_group("robust accuracy", "the strong reference: APGD, targeted APGD, then Square")
    attacks.add_argument("--robust", type=radius, metavar="EPS", help="attack a classifier within EPS, such as 4/255")
    attacks.add_argument(
        "--n", type=int, default=200, help="images at most, evenly from the split (default: %(default)s)"
    )
    attacks.add_argument("--steps", type=int, default=100, help="gradient steps of an attack (default: %(default)s)")
    attacks.add_argument(
        "--queries", type=int, default=5000, help="forward passes of Square, 0 without it (default: %(default)s)"
    )
    attacks.add_argument("--seed", type=seed, default=0, help="seed of random starts (default: %(default)s)")


def run(args: Namespace, progress: Progress) -> Answer:
    """Judge the detector or the classifier that the id names."""
    root = DataRoot(args.root)
    if args.of and args.dataset and args.of != args.dataset:
        raise UnknownArtefact(f"two data sets are named, {args.of} and {args.dataset}; name one")
    args.dataset = args.dataset or args.of
    root.check_there()
    try:
        folder = root.find("detectors", args.id)
    except UnknownArtefact as no_detector:
        try:
            folder = root.find("models", args.id)
        except UnknownArtefact as no_classifier:
            raise UnknownArtefact(
                f"neither a classifier nor a detector: {no_classifier}; {no_detector}; look into {args.root}"
            ) from no_classifier
        return _judge_classifier(folder, args, root, progress)
    if args.robust is not None:
        raise BadAttack(f"{args.id} is a detector; --robust attacks a classifier: give its id")
    if args.device not in ("cpu", "auto"):
        raise BadDevice(f"{args.id} is a detector, which is judged on the CPU; leave --device away")
    return _judge_detector(folder, args, root, progress)


def _judge_classifier(folder: Path, args: Namespace, root: DataRoot, progress: Progress) -> Answer:
    from pipeline.evaluation import evaluate_classifier
    from pipeline.models.files import open_classifier

    classifier = open_classifier(folder)
    dataset_id = args.dataset or next(iter(classifier.parents), None)
    if dataset_id is None:
        raise UnknownArtefact(f"{classifier.name} was imported, not trained here; name a data set: --dataset ID")
    dataset = checked_dataset(root.find("datasets", dataset_id))
    check_labelled(dataset.name, dataset.classes)
    if args.robust is not None:
        return _robustness(classifier, dataset, args, progress)
    report = evaluate_classifier(classifier, dataset, args.split, device=args.device, progress=progress)
    return Answer(report.to_json(), report.table().splitlines())


def _robustness(classifier: "Classifier", dataset: Dataset, args: Namespace, progress: Progress) -> Answer:
    from pipeline.attacks.ensemble import Ensemble
    from pipeline.attacks.ensemble_report import evaluate_robustness

    check_count("--n", args.n, MAX_IMAGES)
    ensemble = Ensemble(eps=args.robust, steps=args.steps, n_queries=args.queries)
    report = evaluate_robustness(
        classifier,
        dataset,
        ensemble,
        split=args.split,
        n_images=args.n,
        seed=args.seed,
        device=args.device,
        progress=progress,
    )
    return Answer(report.to_json(), report.table().splitlines())


def _judge_detector(folder: Path, args: Namespace, root: DataRoot, progress: Progress) -> Answer:
    from pipeline.adversarial.files import open_adversarial
    from pipeline.detection.evaluate import evaluate_detector
    from pipeline.detection.files import open_detector
    from pipeline.detection.lineage import lineage
    from pipeline.detection.unseen import require_unseen
    from pipeline.models.files import open_classifier

    detector = open_detector(folder)
    origin = lineage(root, detector.id)
    rows = open_adversarial(root.find("adversarial", origin.adversarial_id))
    dataset = checked_dataset(root.find("datasets", args.dataset or rows.dataset_id))
    check_labelled(dataset.name, dataset.classes)
    require_unseen(root, origin, dataset, args.split)
    classifier = open_classifier(root.find("models", detector.classifier_id))
    report = evaluate_detector(
        detector, rows, dataset, classifier, split=args.split, alpha=args.alpha, progress=progress
    )
    return Answer(report.to_json(), report.to_markdown().splitlines())
