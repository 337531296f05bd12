"""`release`: classifier and detector become one gate at a stated false-alarm rate."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer
from pipeline.errors import BadStrip
from pipeline.gate.strip_choice import N_OVERLAYS, WAYS, StripChoice
from pipeline.provenance.event import COMMAND_LINE

if TYPE_CHECKING:
    # Only for the types: these load scipy, which takes a second.
    from pipeline.gate.decision import StripRate
    from pipeline.gate.files import Gate

NAME = "release"
HELP = "compile a detector and its classifier into a gate"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the detector and the operating point."""
    parser.add_argument("detector", help="id of the detector")
    parser.add_argument("--name", default="gate", help="what to call it (default: %(default)s)")
    parser.add_argument(
        "--alpha", type=float, default=0.01, help="false-alarm rate on clean scans (default: %(default)s)"
    )
    parser.add_argument(
        "--alpha-uncertain", type=float, help="up to this p-value a scan is uncertain (default: 2 alpha)"
    )
    parser.add_argument("--strip", action="store_true", help="hold scans with a backdoor trigger as well, by STRIP")
    usual = StripChoice()
    parser.add_argument(
        "--strip-by",
        choices=WAYS,
        help=f"parts of a scan are pasted onto clean ones, or clean ones are added to it (default: {usual.by})",
    )
    counts = ", ".join(f"{m} by {by}" for by, m in N_OVERLAYS.items())
    parser.add_argument(
        "--strip-overlays",
        type=int,
        metavar="N",
        help=f"clean calibration scans that each scan is mixed with (default: {counts})",
    )
    parser.add_argument(
        "--strip-rate",
        type=float,
        metavar="RATE",
        help=f"share of clean scans that it may hold (default: {usual.rate})",
    )
    parser.add_argument("--strip-seed", type=seed, metavar="SEED", help=f"draws the overlays (default: {usual.seed})")


def run(args: Namespace, progress: Progress) -> Answer:
    """Compile and release."""
    from pipeline.detection.files import open_detector
    from pipeline.gate.release import release

    root = DataRoot(args.root)
    gate = release(
        open_detector(root.find("detectors", args.detector)),
        root,
        name=args.name,
        alpha=args.alpha,
        alpha_uncertain=args.alpha_uncertain,
        strip=_strip(args),
        by=COMMAND_LINE,
        progress=progress,
    )
    low, high = gate.band
    lines = [
        f"{gate.id}  {args.name}",
        f"  flags {gate.alpha:.1%} of clean scans by design; with n = {gate.n_calibration} calibration scans the true "
        f"rate lies between {low:.2%} and {high:.2%} (95 %)",
        f"  {gate.alpha_uncertain - gate.alpha:.1%} more are uncertain by design",
    ]
    facts = {"id": gate.id, "folder": str(gate.folder), "alpha": gate.alpha, "band": [low, high]}
    facts["alpha_uncertain"] = gate.alpha_uncertain
    if gate.strip is not None:
        facts["strip"] = asdict(gate.strip.at()) | {"cost": gate.notes["strip_cost"]}
        facts["held_at_most"] = gate.point.held_at_most
        lines += _strip_lines(gate, gate.strip.at())
    return Answer({**facts, "n_calibration": gate.n_calibration}, lines)


def _strip(args: Namespace) -> StripChoice | None:
    given = {"by": args.strip_by, "n_overlays": args.strip_overlays, "rate": args.strip_rate, "seed": args.strip_seed}
    chosen = {name: value for name, value in given.items() if value is not None}
    if args.strip:
        return StripChoice(**chosen)
    if chosen:
        raise BadStrip("options of STRIP without STRIP; give --strip as well, or leave --strip-... out")
    return None


def _strip_lines(gate: "Gate", at: "StripRate") -> list[str]:
    return [
        f"  STRIP holds {at.rate:.1%} of clean scans by design; with n = {at.n_calibration} others the true rate lies "
        f"between {at.band[0]:.2%} and {at.band[1]:.2%} (95 %)",
        f"  together they hold at most {gate.point.held_at_most:.1%} of clean scans by design",
        f"  by {at.by}, {at.n_overlays} overlays: the graph takes {gate.notes['strip_cost']:.1f} times as long a scan",
    ]
