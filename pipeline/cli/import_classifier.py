"""`import-classifier`: weights that were trained elsewhere."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import numbers
from pipeline.cli.command import Answer
from pipeline.provenance.event import COMMAND_LINE

NAME = "import-classifier"
HELP = "import a classifier's weights: safetensors, or a state dict as .pt or .pth"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what a file of weights does not say itself."""
    parser.add_argument("file", type=Path, help=".safetensors, .pt or .pth")
    parser.add_argument("--architecture", required=True, help="its registered architecture")
    parser.add_argument("--classes", required=True, help="class names in the order of its outputs, with commas between")
    parser.add_argument("--channels", type=int, default=1, help="1 for grey, 3 for RGB (default: %(default)s)")
    parser.add_argument("--size", type=int, default=224, help="side of its square input (default: %(default)s)")
    parser.add_argument("--mean", type=numbers, help="mean a channel of pixels in [0, 1] (default: the architecture's)")
    parser.add_argument("--std", type=numbers, help="standard deviation a channel (default: the architecture's)")
    parser.add_argument("--head", default="logits", help="logits, probabilities or sigmoid (default: %(default)s)")
    parser.add_argument("--name", default="", help="what to call it (default: the name of the file)")


def run(args: Namespace, progress: Progress) -> Answer:
    """Import the file."""
    from pipeline.models.importers.importing import import_classifier
    from pipeline.models.registry import default_spec

    classes = tuple(name.strip() for name in args.classes.split(",") if name.strip())
    spec = default_spec(args.architecture, classes=classes, channels=args.channels, height=args.size, width=args.size)
    spec = replace(spec, mean=args.mean or spec.mean, std=args.std or spec.std, head=args.head)
    classifier = import_classifier(args.file, spec, DataRoot(args.root).models, name=args.name, by=COMMAND_LINE)
    progress(1, 1, "imported")
    facts = {"id": classifier.id, "folder": str(classifier.folder), "spec": spec.to_json()}
    return Answer(facts, [f"{classifier.id}  {classifier.name}: {spec.architecture}, {len(classes)} classes"])
