"""Reads the command line, runs one command, prints its answer, and turns a refusal into a sentence."""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from datasets.errors import DatasetError
from detector.errors import DetectorError
from pipeline.cli import (
    attack,
    attack_gate,
    audit_classifier,
    build_adversarial,
    changes,
    compare_detectors,
    evaluate,
    evaluate_detector,
    export_provenance,
    find_poison,
    flip_labels,
    history,
    import_classifier,
    import_dataset,
    mark_trusted,
    plant_backdoor,
    recalibrate,
    release,
    repair_poison,
    replay_poison,
    report_detector,
    run,
    screen,
    train_classifier,
    train_detector,
    trust,
    verify,
)
from pipeline.cli.command import Answer
from pipeline.cli.terminal import shown_progress
from pipeline.errors import PipelineError

COMMANDS: tuple[ModuleType, ...] = (
    import_dataset,
    train_classifier,
    import_classifier,
    attack,
    build_adversarial,
    train_detector,
    recalibrate,
    release,
    screen,
    evaluate,
    evaluate_detector,
    compare_detectors,
    attack_gate,
    report_detector,
    flip_labels,
    plant_backdoor,
    mark_trusted,
    find_poison,
    repair_poison,
    replay_poison,
    audit_classifier,
    run,
    history,
    verify,
    trust,
    changes,
    export_provenance,
)
REFUSED = 1
INTERRUPTED = 130
DEFAULT_ROOT = Path("var/data")
_NEXT_STEP: tuple[tuple[type[OSError], str], ...] = (
    (FileNotFoundError, "check its name and the folder"),
    (IsADirectoryError, "name a file, not a folder"),
    (NotADirectoryError, "name a folder for it, not a file"),
    (FileExistsError, "name another path, or move what is there away"),
    (PermissionError, "change its permissions, or name another path"),
)


def main(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; give its exit status."""
    args = _parser().parse_args(arguments)
    try:
        with shown_progress(args.command.NAME, quiet=args.quiet) as progress:
            answer: Answer = args.command.run(args, progress)
    except (DatasetError, PipelineError, DetectorError, OSError) as refusal:
        return _refuse(refusal, as_json=args.json)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. What is finished is kept: the same command goes on from there.\n")
        return INTERRUPTED
    _tell(json.dumps(answer.facts, indent=2) if args.json else "\n".join(answer.lines))
    return answer.status


def _tell(answer: str) -> None:
    """Print it; to whoever stops reading, as `head` does, there is nothing more to say."""
    try:
        print(answer, flush=True)
    except BrokenPipeError:
        # Python flushes once more as it ends, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(ArgumentParser):
    """An argument parser whose refusals exit with 1, since `screen` gives 2 a meaning of its own."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(REFUSED, f"{self.prog}: {message}\n")


def _parser() -> ArgumentParser:
    parser = _Parser(prog="python -m pipeline", description="Build, train, release and screen from the command line.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        sub = commands.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        sub.add_argument("--root", type=Path, default=DEFAULT_ROOT, help="data root (default: %(default)s)")
        sub.add_argument("--json", action="store_true", help="print the answer as JSON")
        sub.add_argument("--quiet", action="store_true", help="show no progress")
        command.add_arguments(sub)
        sub.set_defaults(command=command)
    return parser


def _refuse(refusal: Exception, *, as_json: bool) -> int:
    sentence = _of_the_system(refusal) if isinstance(refusal, OSError) else str(refusal)
    if as_json:
        print(json.dumps({"error": type(refusal).__name__, "detail": sentence}))
    sys.stderr.write(sentence + "\n")
    return REFUSED


def _of_the_system(error: OSError) -> str:
    """What the operating system refused, on which path, and what to do."""
    cause = error.strerror or str(error)
    what = f"{error.filename}: {cause}" if error.filename is not None else cause
    step = next((step for kind, step in _NEXT_STEP if isinstance(error, kind)), "check the path and the disk")
    return f"{what}; {step}."
