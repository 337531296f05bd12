"""`attack-gate`: a detector and its classifier before attackers who know both."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from datasets.progress import Progress
from datasets.unlabelled import check_labelled
from pipeline.artefacts import DataRoot
from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS
from pipeline.cli.arguments import numbers, seed
from pipeline.cli.command import Answer, reported
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.provenance.opening import checked_dataset

NAME = "attack-gate"
HELP = "attack classifier and detector together, as one who knows both; run again, it goes on where it stopped"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the detector, the scans and how hard to try."""
    plan = AdaptivePlan()
    parser.add_argument("detector", help="id of the detector")
    parser.add_argument("--dataset", help="id of the data set (default: the one that the detector was made from)")
    parser.add_argument("--split", default="test", help="which split (default: %(default)s)")
    parser.add_argument("--n", type=int, default=plan.n, help="scans at most, evenly (default: %(default)s)")
    parser.add_argument(
        "--radii", type=numbers, default=plan.radii, metavar="K,K", help="radii in 1/255 for every attack (2,4,8)"
    )
    parser.add_argument(
        "--grid", type=numbers, default=plan.grid, metavar="K,K", help="radii in 1/255 of the price (1,2,3,4,6,8,12,16)"
    )
    parser.add_argument(
        "--attacks",
        type=lambda text: tuple(text.split(",")),
        default=plan.attacks,
        metavar="NAME,NAME",
        help=f"some of {', '.join(ADAPTIVE_ATTACKS)} (default: all)",
    )
    parser.add_argument(
        "--params",
        type=_params,
        default={},
        metavar="JSON",
        help='parameters by attack, as \'{"gate_square": {"steps": 5000}}\'',
    )
    parser.add_argument("--surrogate", help="id of a second detector, for the transfer attack")
    parser.add_argument("--alpha", type=float, help="false-alarm rate (default: 1 %%, or the smallest that n supports)")
    parser.add_argument(
        "--all-scans",
        action="store_true",
        help="try also scans that APGD does not make the classifier alone get wrong",
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of random starts (default: %(default)s)")
    parser.add_argument("--report", type=Path, help="write REPORT.md and REPORT.json")
    parser.description = f"{HELP}. Every report is also kept under the data root, for the detector's page and its PDF."


def run(args: Namespace, progress: Progress) -> Answer:
    """Attack, and say what passed."""
    from pipeline.detection.adaptive import Known, evaluate_adaptive
    from pipeline.detection.files import open_detector
    from pipeline.detection.lineage import lineage
    from pipeline.detection.unseen import require_unseen
    from pipeline.detector_report.kept import keep_adaptive
    from pipeline.models.files import open_classifier

    root = DataRoot(args.root)

    def opened(detector_id: str) -> Known:
        detector = open_detector(root.find("detectors", detector_id))
        return detector, open_classifier(root.find("models", detector.classifier_id))

    known = opened(args.detector)
    origin = lineage(root, known[0].id)
    dataset = checked_dataset(root.find("datasets", args.dataset or origin.dataset_id))
    check_labelled(dataset.name, dataset.classes)
    require_unseen(root, origin, dataset, args.split)
    plan = AdaptivePlan(
        n=args.n,
        radii=args.radii,
        grid=args.grid,
        attacks=args.attacks,
        params=args.params,
        only_fooled=not args.all_scans,
        seed=args.seed,
    )
    report = evaluate_adaptive(
        known,
        dataset,
        plan,
        work=root.work / "attack-gate",
        surrogate=opened(args.surrogate) if args.surrogate else None,
        split=args.split,
        alpha=args.alpha,
        progress=progress,
    )
    keep_adaptive(root, report.to_json())
    return reported(report, args.report)


def _params(text: str) -> dict[str, dict[str, object]]:
    """Parameters of attacks.

    Raises:
        ArgumentTypeError: it is no JSON object of objects.
    """
    try:
        values = json.loads(text)
    except ValueError as e:
        raise ArgumentTypeError(f"{text[:80]!r} is no JSON ({e})") from e
    if not isinstance(values, dict) or not all(isinstance(value, dict) for value in values.values()):
        raise ArgumentTypeError(f'{text[:80]!r}: give an object by attack, such as {{"joint_pgd": {{"steps": 200}}}}')
    return values
