"""`train-detector`: a detector from an adversarial set."""

from argparse import ArgumentParser, Namespace

from datasets.progress import Progress
from pipeline.adversarial.files import open_adversarial
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import radius, seed
from pipeline.cli.command import Answer
from pipeline.provenance.event import COMMAND_LINE
from pipeline.provenance.opening import checked_dataset

NAME = "train-detector"
HELP = "train a detector on an adversarial set; run again, it goes on where it stopped"
_SETTINGS = ("epochs", "draws", "evasions", "seed", "leave_out", "only_eps")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the adversarial set and what is most often set."""
    parser.add_argument("adversarial", help="id of the adversarial set")
    parser.add_argument("--name", default="detector", help="what to call it (default: %(default)s)")
    parser.add_argument("--epochs", type=int, help="how many epochs")
    parser.add_argument("--draws", type=int, help="attacked images drawn an epoch")
    parser.add_argument(
        "--evasions", type=int, help="scans on which the detector itself is attacked after each epoch; 0 for none"
    )
    parser.add_argument("--seed", type=seed, help="seed of weights and draws (default: 0)")
    parser.add_argument(
        "--leave-out", action="append", metavar="ATTACK", help="an attack that it shall not learn from; may be repeated"
    )
    parser.add_argument(
        "--only-eps", action="append", type=radius, metavar="EPS", help="a radius to learn from; may be repeated (all)"
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Train and calibrate."""
    from pipeline.detection.settings import DetectorSettings
    from pipeline.detection.train import train_detector
    from pipeline.models.files import open_classifier

    root = DataRoot(args.root)
    rows = open_adversarial(root.find("adversarial", args.adversarial))
    given = {name: value for name in _SETTINGS if (value := getattr(args, name)) is not None}
    detector = train_detector(
        rows,
        checked_dataset(root.find("datasets", rows.dataset_id)),
        open_classifier(root.find("models", rows.classifier_id)),
        DetectorSettings(**given),
        root.detectors,
        work=root.work,
        name=args.name,
        by=COMMAND_LINE,
        progress=progress,
    )
    facts = {"id": detector.id, "folder": str(detector.folder), "n_calibration": len(detector.calibration)}
    return Answer(facts, [f"{detector.id}  {args.name}: calibrated on {len(detector.calibration)} clean scans"])
