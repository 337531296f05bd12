"""`evaluate-detector`: the whole protocol on one detector, with everything that must stand beside its figures."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from datasets.progress import Progress
from pipeline.adversarial.files import open_adversarial
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer, reported
from pipeline.detector_report.kept import JUDGED
from pipeline.provenance.opening import checked_dataset

NAME = "evaluate-detector"
HELP = "judge a detector on attacked, clean and harmlessly changed scans, beside every control and shortcut"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the detector, what it is judged on and where a report goes."""
    parser.add_argument("detector", help="id of the detector")
    parser.add_argument(
        "--adversarial",
        help="id of an adversarial set whose scans are new to the detector, also of attacks or against a classifier "
        "that it never met (default: the one that it was trained with)",
    )
    parser.add_argument("--split", default=JUDGED, help="which split (default: %(default)s)")
    parser.add_argument("--alpha", type=float, help="false-alarm rate (default: 1 %%, or the smallest that n supports)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of every draw (default: %(default)s)")
    parser.add_argument("--report", type=Path, help="write REPORT.md and REPORT.json")
    parser.description = (
        f"{HELP}. Of the split `test` the report is kept under the data root, where `report-detector` and the "
        "detector's page find it: the one on the adversarial set that the detector was trained with, and beside it "
        "the last one on each other set."
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Judge, and write the report where one is asked for."""
    from pipeline.detection.evaluate import evaluate_detector
    from pipeline.detection.files import open_detector
    from pipeline.detection.lineage import lineage
    from pipeline.detection.unseen import require_unseen
    from pipeline.detector_report.kept import keep_other, keep_static
    from pipeline.models.files import open_classifier

    root = DataRoot(args.root)
    detector = open_detector(root.find("detectors", args.detector))
    origin = lineage(root, detector.id)
    set_id = args.adversarial or origin.adversarial_id
    adversarial_set = open_adversarial(root.find("adversarial", set_id))
    dataset = checked_dataset(root.find("datasets", adversarial_set.dataset_id))
    require_unseen(root, origin, dataset, args.split)
    report = evaluate_detector(
        detector,
        adversarial_set,
        dataset,
        open_classifier(root.find("models", detector.classifier_id)),
        split=args.split,
        alpha=args.alpha,
        seed=args.seed,
        progress=progress,
    )
    if args.split == JUDGED and adversarial_set.id == origin.adversarial_id:
        keep_static(root, report.to_json())
    elif args.split == JUDGED:
        keep_other(root, report.to_json(), name=adversarial_set.name)
    return reported(report, args.report)
