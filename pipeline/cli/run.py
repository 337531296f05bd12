"""`run`: the whole main job, from a source of scans to a gate, and its report."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer
from pipeline.cli.terminal import shown_progress

NAME = "run"
HELP = "import, train, attack, train a detector and release a gate in one go; run again, it takes up what is there"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the source, the seed, the operating point and where a report goes."""
    parser.add_argument("source", type=Path, help="zip, folder, .npz, .h5 or IDX file")
    parser.add_argument("--name", help="what to call everything (default: the name of the source)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of all steps (default: %(default)s)")
    parser.add_argument("--alpha", type=float, default=0.01, help="false-alarm rate (default: %(default)s)")
    parser.add_argument("--report", type=Path, help="write REPORT.md and REPORT.json with every figure")


def run(args: Namespace, progress: Progress) -> Answer:
    """Make everything, then measure it where a report is asked for."""
    from dataclasses import replace

    from pipeline.adversarial.recipe import DEFAULT_RECIPE
    from pipeline.detection.settings import DetectorSettings
    from pipeline.main_job_report import measure, write_report
    from pipeline.run import Choices
    from pipeline.run import run as run_all
    from pipeline.training.settings import TrainingSettings

    @contextmanager
    def stage(name: str) -> Iterator[Progress]:
        with shown_progress(name, quiet=args.quiet) as shown:
            yield shown

    choices = Choices(
        name=args.name or args.source.stem,
        seed=args.seed,
        training=TrainingSettings(seed=args.seed),
        recipe=replace(DEFAULT_RECIPE, seed=args.seed),
        detector=DetectorSettings(seed=args.seed),
        alpha=args.alpha,
    )
    made = run_all(args.source, DataRoot(args.root), choices, stage)
    facts: dict[str, object] = {
        "dataset": made.dataset.id,
        "classifier": made.classifier.id,
        "adversarial": made.adversarial.id,
        "detector": made.detector.id,
        "gate": made.gate.id,
        "seconds": made.seconds,
    }
    lines = [f"{kind}: {facts[kind]}" for kind in ("dataset", "classifier", "adversarial", "detector", "gate")]
    if args.report is not None:
        with stage("measure") as shown:
            figures = measure(made, choices, progress=shown)
        written = write_report(figures, args.report)
        lines.append(f"Report: {written}")
        facts["report"] = str(written)
    return Answer(facts, lines)
