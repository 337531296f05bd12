"""`compare-detectors`: every way of detecting beside trained detectors, on the same scans."""

from argparse import ArgumentParser, Namespace

from datasets.progress import Progress
from pipeline.adversarial.files import open_adversarial
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer, reported
from pipeline.detector_report.kept import JUDGED
from pipeline.provenance.opening import checked_dataset

NAME = "compare-detectors"
HELP = "judge every way of detecting beside trained detectors, with its cost, and keep that for their reports"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the trained detectors and what is judged."""
    parser.add_argument("detectors", nargs="+", metavar="detector", help="ids of detectors of one classifier")
    parser.add_argument("--adversarial", help="id of the adversarial set (default: that of the first detector)")
    parser.add_argument("--split", default=JUDGED, help="which split is judged (default: %(default)s)")
    parser.add_argument("--alpha", type=float, help="false-alarm rate (default: 1 %%, or the smallest that n supports)")
    parser.add_argument("--clean", type=int, help="clean scans of each split at most (default: all)")
    parser.add_argument("--attacked", type=int, help="successful attacks of each type and eps at most (default: all)")
    parser.add_argument(
        "--controlled", type=int, default=200, help="scans that each control is applied to (default: %(default)s)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of every draw (default: %(default)s)")


def run(args: Namespace, progress: Progress) -> Answer:
    """Fit, calibrate, judge and time."""
    from pipeline.detection.compare import ComparisonSettings, compare_detectors
    from pipeline.detection.files import open_detector
    from pipeline.detection.lineage import lineage
    from pipeline.detection.unseen import require_unseen
    from pipeline.detector_report.kept import keep_comparison
    from pipeline.models.files import open_classifier

    root = DataRoot(args.root)
    detectors = [open_detector(root.find("detectors", id_)) for id_ in dict.fromkeys(args.detectors)]
    origins = [lineage(root, detector.id) for detector in detectors]
    rows = open_adversarial(root.find("adversarial", args.adversarial or origins[0].adversarial_id))
    dataset = checked_dataset(root.find("datasets", rows.dataset_id))
    for origin in origins:
        require_unseen(root, origin, dataset, args.split)
    report = compare_detectors(
        detectors,
        rows,
        dataset,
        open_classifier(root.find("models", rows.classifier_id)),
        ComparisonSettings(
            split=args.split,
            alpha=args.alpha,
            n_clean=args.clean,
            n_attacked=args.attacked,
            n_controlled=args.controlled,
            seed=args.seed,
        ),
        progress=progress,
    )
    if args.split == JUDGED:
        own = [one.id for one, origin in zip(detectors, origins, strict=True) if origin.adversarial_id == rows.id]
        keep_comparison(root, report.to_json(), of=own)
    return reported(report, None)
