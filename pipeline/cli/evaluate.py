"""`evaluate`: how well a classifier or a detector does on scans that it has not seen."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from datasets.progress import Progress
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.errors import UnknownArtefact

NAME = "evaluate"
HELP = "judge a classifier or a detector on the test split"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what is judged, and on what."""
    parser.add_argument("id", help="id of a classifier or of a detector")
    parser.add_argument("--dataset", help="id of the data set (default: the one that it was made from)")
    parser.add_argument("--split", default="test", help="which split (default: %(default)s)")
    parser.add_argument(
        "--alpha", type=float, help="false-alarm rate of a detector (default: 1 %%, or the smallest that n supports)"
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Judge the detector or the classifier that the id names."""
    root = DataRoot(args.root)
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
    return _judge_detector(folder, args, root, progress)


def _judge_classifier(folder: Path, args: Namespace, root: DataRoot, progress: Progress) -> Answer:
    from pipeline.evaluation import evaluate_classifier
    from pipeline.models.files import open_classifier

    classifier = open_classifier(folder)
    dataset_id = args.dataset or next(iter(classifier.parents), None)
    if dataset_id is None:
        raise UnknownArtefact(f"{classifier.name} was imported, not trained here; name a data set: --dataset ID")
    dataset = open_dataset(root.find("datasets", dataset_id))
    report = evaluate_classifier(classifier, dataset, args.split, progress=progress)
    return Answer(report.to_json(), report.table().splitlines())


def _judge_detector(folder: Path, args: Namespace, root: DataRoot, progress: Progress) -> Answer:
    from pipeline.adversarial.files import open_adversarial
    from pipeline.detection.evaluate import evaluate_detector
    from pipeline.detection.files import open_detector
    from pipeline.models.files import open_classifier

    detector = open_detector(folder)
    rows = open_adversarial(root.find("adversarial", detector.parents[0]))
    dataset = open_dataset(root.find("datasets", args.dataset or rows.dataset_id))
    classifier = open_classifier(root.find("models", detector.classifier_id))
    report = evaluate_detector(
        detector, rows, dataset, classifier, split=args.split, alpha=args.alpha, progress=progress
    )
    return Answer(report.to_json(), report.to_markdown().splitlines())
