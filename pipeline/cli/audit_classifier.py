"""`audit-classifier`: whether a small mark alone brings a class, which a backdoor does."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer
from pipeline.provenance.opening import checked_dataset

if TYPE_CHECKING:
    from pipeline.poisoning.audit import Audit

NAME = "audit-classifier"
HELP = "search the smallest mark that brings each class, on any classifier; a backdoor's is conspicuously small"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the classifier and the clean images."""
    parser.add_argument("classifier", help="id of the classifier, trained or imported")
    parser.add_argument("dataset", help="id of a data set of the same classes")
    parser.add_argument("--split", default="test", help="whose images are used (default: %(default)s)")
    parser.add_argument("--images", type=int, default=200, metavar="N", help="so many of them (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="passes over them for each class (default: 60)")
    parser.add_argument("--seed", type=seed, default=0, help="of images and search (default: %(default)s)")


def run(args: Namespace, progress: Progress) -> Answer:
    """Audit, keep figures and pictures, and tell."""
    from detector.poisoned.inversion import InversionSettings
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.audit import audit_classifier, keep_audit

    root = DataRoot(args.root)
    classifier = open_classifier(root.find("models", args.classifier))
    dataset = checked_dataset(root.find("datasets", args.dataset))
    settings = InversionSettings() if args.rounds is None else InversionSettings(rounds=args.rounds)
    audit = audit_classifier(
        classifier,
        dataset,
        split=args.split,
        n_images=args.images,
        seed=args.seed,
        settings=settings,
        progress=progress,
    )
    folder = root.reports / f"{classifier.id}-audit"
    keep_audit(audit, folder)
    return Answer({**audit.to_json(), "folder": str(folder)}, list(_lines(audit)))


def _lines(audit: "Audit") -> Iterator[str]:
    found, classes = audit.found, audit.classifier.spec.classes
    width = max(map(len, ("class", *classes)))
    yield f"{'class':<{width}}  pixels of the mark  brings it in  anomaly"
    for label, name in enumerate(classes):
        mark = "  suspected" if label in found.suspected else ""
        yield (
            f"{name:<{width}}  {found.norms[label]:>18.1f}  {found.success[label]:>12.1%}"
            f"  {found.anomaly_index[label]:>7.2f}{mark}"
        )
    yield audit.said
