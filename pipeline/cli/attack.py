"""`attack`: one image against one classifier, written as a PNG that still fools it."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from fractions import Fraction
from pathlib import Path

import numpy as np

from datasets.atomic import replacing
from datasets.image import Image, encode_png
from datasets.jail import decode_jailed
from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.attacks.registry import ATTACKS
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer
from pipeline.errors import BadAttack

NAME = "attack"
HELP = "attack one image and write the adversarial one as PNG"
# What a PNG can say of itself; levels of another depth would be read back as darker than they are.
PNG_BITS = (8, 16)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the image, the classifier and the attack."""
    parser.add_argument("file", type=Path, help="the image to attack")
    parser.add_argument("--classifier", required=True, help="id of the classifier")
    parser.add_argument("--attack", default="pgd", help=f"{', '.join(ATTACKS)} (default: %(default)s)")
    parser.add_argument("--eps", type=_eps, help="radius in pixel fractions, such as 4/255 (default: the attack's)")
    parser.add_argument("--label", help="the true class (default: what the classifier says)")
    parser.add_argument("--target", help="the class to reach (default: any wrong one)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of random starts (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="where to write the PNG")


def run(args: Namespace, progress: Progress) -> Answer:
    """Attack the image, write it, and say what the classifier makes of the file."""
    from pipeline.attacks.registry import create
    from pipeline.attacks.run import attack_levels
    from pipeline.models.files import load_model, open_classifier
    from pipeline.models.prediction import predict

    image = decode_jailed(args.file.read_bytes(), name=args.file.name)
    _check_depth(image)
    model = load_model(open_classifier(DataRoot(args.root).find("models", args.classifier)))
    classes = model.spec.classes
    label = _label(args.label, classes) if args.label else predict(model, image.levels, image.bits)
    target = np.array([_label(args.target, classes)]) if args.target else None
    attack = create(args.attack, {} if args.eps is None else {"eps": args.eps})
    result = attack_levels(
        model,
        attack,
        image.levels[None],
        image.bits,
        np.array([label]),
        target=target,
        seed=args.seed,
        progress=progress,
    )
    with replacing(args.out) as incoming:
        incoming.write_bytes(encode_png(result.levels[0], image.bits))
    facts = {
        "status": str(result.status[0]),
        "reason": str(result.reason[0]),
        "label": classes[label],
        "before": classes[result.pred_before[0]],
        "after": classes[result.pred_after[0]],
        "success": bool(result.success[0]),
        "linf": float(result.linf[0]),
        "l2": float(result.l2[0]),
        "file": str(args.out),
    }
    line = f"{facts['status']}: {facts['before']} became {facts['after']}, largest change {facts['linf'] * 255:.2f}/255"
    return Answer(facts, [f"{line}; written to {args.out}", *([facts["reason"]] if facts["reason"] else [])])


def _check_depth(image: Image) -> None:
    if image.bits not in PNG_BITS:
        raise BadAttack(f"{image.bits} bits a level; a PNG holds 8 or 16: convert the image to 16 bits first")


def _label(name: str, classes: tuple[str, ...]) -> int:
    if name not in classes:
        raise BadAttack(f"no class {name!r}; the classifier tells apart {', '.join(classes)}")
    return classes.index(name)


def _eps(text: str) -> float:
    try:
        return float(Fraction(text)) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError) as e:
        raise ArgumentTypeError(f"{text!r} is no number; give one such as 4/255 or 0.0157") from e
