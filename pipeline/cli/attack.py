"""`attack`: one image against one classifier, written as a file; the answer says whether that file fools it."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.adversarial_store import HEAD, WHOLE_IMAGE
from datasets.atomic import replacing
from datasets.encoding import FORMATS, MAX_QUALITY, MIN_QUALITY, check_fits, encode, format_of
from datasets.errors import BadImage
from datasets.head import head_mask
from datasets.image import MIN_BITS, Image, Levels, with_bits
from datasets.jail import decode_jailed, run_jailed
from datasets.progress import Progress
from pipeline.adversarial.recipe import ASKED_REGIONS
from pipeline.artefacts import DataRoot
from pipeline.attacks.art_adapter import PREFIX
from pipeline.attacks.asked import LEAST_LIKELY
from pipeline.attacks.budget import FP32, PRECISIONS
from pipeline.attacks.registry import ATTACKS
from pipeline.cli.arguments import add_device, radius, seed
from pipeline.cli.command import Answer
from pipeline.errors import BadAttack

if TYPE_CHECKING:
    from pipeline.attacks.outcome import LatticeResult
    from pipeline.attacks.run import Target

# What begins with one of these is no name of a file.
_JSON_BEGINS = tuple('{["')

NAME = "attack"
HELP = "attack one image and write the adversarial one as PNG, TIFF, DICOM or JPEG"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the image, the classifier and the attack."""
    parser.add_argument("file", type=Path, help="the image to attack")
    parser.add_argument("--classifier", required=True, help="id of the classifier")
    parser.add_argument("--attack", default="pgd", help=f"{', '.join(ATTACKS)}, {PREFIX}<class> (default: %(default)s)")
    parser.add_argument("--eps", type=radius, help="radius in pixel fractions, such as 4/255 (default: the attack's)")
    parser.add_argument(
        "--params",
        type=_params,
        default={},
        metavar="JSON",
        help="other parameters of the attack, as '{\"steps\": 40}', or the name of a file with such an object",
    )
    parser.add_argument(
        "--region",
        choices=ASKED_REGIONS,
        default=WHOLE_IMAGE,
        help="where pixels may change: anywhere, or inside the head only (default: %(default)s)",
    )
    parser.add_argument("--label", help="the true class (default: what the classifier says)")
    parser.add_argument("--target", help="the class to reach, or least_likely (default: any wrong one)")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=FP32,
        help="of the gradients, where the attack takes it; success is judged in fp32 (default: %(default)s)",
    )
    add_device(parser)
    parser.add_argument("--seed", type=seed, default=0, help="seed of random starts (default: %(default)s)")
    parser.add_argument(
        "--jpeg-quality",
        type=int,
        metavar="Q",
        help=f"attack through JPEG of this quality, {MIN_QUALITY} to {MAX_QUALITY}; only for --out NAME.jpg",
    )
    parser.add_argument("--out", type=Path, required=True, help="where to write it; the suffix decides on the format")


def run(args: Namespace, progress: Progress) -> Answer:
    """Attack the image, write it, and say what the classifier makes of the file."""
    from pipeline.attacks.registry import create
    from pipeline.attacks.run import attack_levels
    from pipeline.models.files import load_model, open_classifier
    from pipeline.models.prediction import predict

    if not args.out.parent.is_dir():
        raise BadAttack(f"--out {args.out}: there is no folder {args.out.parent}; make it, or write elsewhere")
    if args.out.exists() and args.out.samefile(args.file):
        raise BadAttack(f"--out {args.out} is the image itself, which would be lost; give another name")
    file_format = format_of(args.out)
    if args.jpeg_quality is None and not FORMATS[file_format].lossless:
        raise BadImage(f"{args.out} is no lossless file; say how much it keeps, as --jpeg-quality 90")
    image = _fitting(decode_jailed(args.file.read_bytes(), name=args.file.name), file_format, args.jpeg_quality)
    model = load_model(open_classifier(DataRoot(args.root).find("models", args.classifier)), args.device)
    classes = model.spec.classes
    label = _label(args.label, classes) if args.label else predict(model, image.levels, image.bits)
    target = _target(args.target, classes, label)
    if args.eps is not None and "eps" in args.params:
        raise BadAttack(f"eps is given twice, as --eps {args.eps:g} and in --params; leave one of them out")
    attack = create(args.attack, args.params if args.eps is None else {**args.params, "eps": args.eps})
    head = head_mask(image.levels, image.bits) if args.region == HEAD else None
    result = attack_levels(
        model,
        attack,
        image.levels[None],
        image.bits,
        np.array([label]),
        target=target,
        mask=None if head is None else head.mask,
        file_format=file_format,
        quality=args.jpeg_quality,
        through_file=True,
        precision=args.precision,
        seed=args.seed,
        progress=progress,
    )
    _write(args, result.levels[0], image, file_format)
    facts, lines = _told(args, result, classes, label, image.bits)
    if head is not None:
        facts["head_found"] = head.found
        lines += [f"region head: {head.note}"] if head.note else []
    facts["device"], facts["precision"] = model.mean.device.type, attack.gradients_in(args.precision)
    if facts["precision"] != args.precision:
        lines.append(f"{attack.NAME} takes no {args.precision}: its gradients were of {facts['precision']}")
    return Answer(facts, lines)


def _told(
    args: Namespace, result: "LatticeResult", classes: tuple[str, ...], label: int, bits: int
) -> tuple[dict[str, object], list[str]]:
    """What became of the image, for programs and for people."""
    facts: dict[str, object] = {
        "status": str(result.status[0]),
        "reason": str(result.reason[0]),
        "label": classes[label],
        "before": classes[result.pred_before[0]],
        "after": classes[result.pred_after[0]],
        "success": bool(result.success[0]),
        "linf": float(result.linf[0]),
        "l2": float(result.l2[0]),
        "bits": bits,
        "region": args.region,
        "file": str(args.out),
    }
    reason = str(result.reason[0])
    return facts, [f"{_in_words(facts, args)}; written to {args.out}", *([reason] if reason else [])]


def _in_words(facts: dict[str, object], args: Namespace) -> str:
    if facts["before"] != facts["label"]:
        return f"{facts['status']}: {facts['before']} where --label says {facts['label']}, so that nothing was attacked"
    became = "stayed" if facts["before"] == facts["after"] else f"became {facts['after']}"
    before_jpeg = " before JPEG, which changes more" if args.jpeg_quality is not None else ""
    change = f"largest change {float(str(facts['linf'])) * 255:.2f}/255, length {float(str(facts['l2'])):.3g}"
    return f"{facts['status']}: {facts['before']} {became}, {change}{before_jpeg}"


def _fitting(image: Image, file_format: str, quality: int | None) -> Image:
    """The image at a depth that the file can hold: a JPEG takes the 8 bits nearest to deeper levels."""
    if not FORMATS[file_format].lossless and image.bits > MIN_BITS:
        image = Image(with_bits(image.levels, image.bits, MIN_BITS), MIN_BITS, image.file_type)
    check_fits(image.levels.shape[2], image.bits, file_format, quality=quality)
    return image


def _write(args: Namespace, levels: Levels, image: Image, file_format: str) -> None:
    photometric = None
    if image.file_type == file_format == "dicom" and levels.shape[2] == 1:
        # A file that stores white as 0 becomes another one that does.
        target = "datasets.dicom:photometric_interpretation"
        found = run_jailed(target, {"path": str(args.file.resolve())})
        photometric = "MONOCHROME1" if found == "MONOCHROME1" else None
    with replacing(args.out) as incoming:
        incoming.write_bytes(
            encode(levels, image.bits, file_format, quality=args.jpeg_quality, photometric=photometric)
        )


def _params(text: str) -> dict[str, Any]:
    """Parameters from JSON, or from a file with it.

    Raises:
        ArgumentTypeError: it is no JSON object.
    """
    try:
        values = json.loads(text if text.lstrip()[:1] in _JSON_BEGINS else Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ArgumentTypeError(f"{text[:80]!r} is neither JSON nor a file with it ({e})") from e
    if not isinstance(values, dict):
        raise ArgumentTypeError(f'{text[:80]!r} holds no JSON object; give one such as {{"steps": 40}}')
    return values


def _target(name: str | None, classes: tuple[str, ...], label: int) -> "Target":
    if name is None:
        return None
    if name == LEAST_LIKELY and name not in classes:
        return LEAST_LIKELY
    target = _label(name, classes)
    if target == label:
        raise BadAttack(f"--target {name} is the class that the scan has; give another one of {', '.join(classes)}")
    return np.array([target])


def _label(name: str, classes: tuple[str, ...]) -> int:
    if name not in classes:
        raise BadAttack(f"no class {name!r}; the classifier tells apart {', '.join(classes)}")
    return classes.index(name)
