"""docs/results/attacks.md: `python -m benchmarks.attack_report brain_mri.zip`; a run that was stopped goes on.

The classifier is that of `make results-main`, taken from its data root or trained now. Speed is measured by
`python -m benchmarks.attacks` and read from its folder: what is not measured yet is left out of the page.
"""

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.attack_figures import beyond_ours, kept_by_files, robustness, success
from benchmarks.attack_page import Rows, write_page
from benchmarks.attack_subject import SEED, Subject
from benchmarks.attack_table import goals as speed_goals
from benchmarks.attack_table import markdown
from benchmarks.attack_transfer import transferred
from benchmarks.attack_universal import universal
from benchmarks.building_table import building_goals, building_table
from benchmarks.limits import limits_table
from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.attacks import sanity
from pipeline.attacks.pgd import PGD
from pipeline.attacks.sanity_compared import alarms, noise, repeatability, weaker_means, worst_of
from pipeline.cli.terminal import shown_progress
from pipeline.run import Choices, classify
from pipeline.training.settings import TrainingSettings

# So many draws of noise meet every second scan.
_DRAWS = 10_000
_PARITY = ("-m", "pytest", "-q", "-p", "no:randomly", "tests/pipeline/attacks/parity")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what is not measured yet and write the page."""
    asked = _parser().parse_args(argv)
    asked.work.mkdir(parents=True, exist_ok=True)
    choices = Choices(name=asked.data.stem, seed=SEED, training=TrainingSettings(seed=SEED))
    dataset, classifier = classify(asked.data, DataRoot(asked.root), choices, _stage)
    subject = Subject.of(classifier, dataset, asked.work, asked.images)
    with _stage("success") as progress:
        attacked = [*success(subject, progress), *universal(subject, progress)]
    with _stage("robust accuracy") as progress:
        robust = robustness(subject, progress)
        # At the largest radius alone, where few are left: AutoAttack takes a minute a scan.
        beyond = [beyond_ours(subject, robust[-1])]
    with _stage("files") as progress:
        kept = kept_by_files(subject, asked.file_images, progress)
    with _stage("sanity") as progress:
        checked = subject.once("sanity", asked.sanity_images, lambda: _sanity(subject, asked.sanity_images, progress))
    with _stage("transfer") as progress:
        checked = [*checked, transferred(subject, progress)]
    parity = subject.once("parity", [version("torch")], lambda: _parity(asked.work / "parity.json"))
    building: Rows = json.loads(asked.building.read_text()) if asked.building.exists() else []
    limits: Rows = json.loads(asked.limits.read_text()) if asked.limits.exists() else []
    speed: dict[str, Any] = json.loads(asked.speed.read_text()) if asked.speed.exists() else {"cells": []}
    write_page(
        asked.out,
        head=_head(dataset.name, subject),
        parity=parity,
        sanity=checked,
        success=attacked,
        robust=robust,
        beyond=beyond,
        kept=kept,
        speed_tables=[
            *(["## Speed", "", *markdown(speed).splitlines(), ""] if speed["cells"] else []),
            *limits_table(limits),
            *building_table(building),
        ],
        speed_goals=[*speed_goals(speed), *building_goals(building)],
        facts={
            "seed": SEED,
            "machine": _machine(),
            "versions": {name: version(name) for name in ("torch", "torchvision", "numpy")},
            "classifier": classifier.id,
            "weights_sha256": classifier.weights_sha256,
            "dataset": dataset.id,
            "speed": speed,
        },
    )
    sys.stdout.write(f"{asked.out.with_suffix('.md')}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attack_report", description=__doc__)
    parser.add_argument("data", type=Path, help="the zip of make results-main")
    parser.add_argument("--root", type=Path, default=Path("var/results-main"), help="its data root")
    parser.add_argument("--work", type=Path, default=Path("var/results-attacks"), help="where figures are kept")
    parser.add_argument("--speed", type=Path, default=Path("var/benchmarks/attacks/attacks.json"))
    parser.add_argument("--building", type=Path, default=Path("var/benchmarks/building.json"))
    parser.add_argument("--limits", type=Path, default=Path("var/benchmarks/limits.json"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/attacks"))
    parser.add_argument("--images", type=int, default=100, help="test scans that are attacked")
    parser.add_argument("--file-images", type=int, default=40, help="test scans that are written as other files")
    parser.add_argument("--sanity-images", type=int, default=16, help="test scans of the sanity checks")
    return parser


@contextmanager
def _stage(name: str) -> Iterator[Progress]:
    with shown_progress(name, quiet=False) as shown:
        yield shown


def _sanity(subject: Subject, n: int, progress: Progress) -> Rows:
    """The checks on scans of the commonest shape, which are attacked together."""
    largest = max(subject.groups(), key=lambda group: len(group.y))
    # Evenly from the group, which is sorted by class.
    rows = np.arange(min(n, len(largest.y))) * len(largest.y) // min(n, len(largest.y))
    on = sanity.subject(subject.model(), largest.levels[rows], largest.bits, largest.y[rows], seed=SEED)
    checks: list[Callable[[], list[sanity.SanityRow]]] = [
        lambda: sanity.budgets(on),
        lambda: sanity.monotony(on),
        lambda: sanity.order(on),
        lambda: sanity.unbounded(on),
        lambda: sanity.convergence(on),
        lambda: weaker_means(on),
        lambda: [noise(replace(on, levels=on.levels[::2], y=on.y[::2]), n_draws=_DRAWS)],
        lambda: alarms(on),
        lambda: worst_of(on),
        lambda: repeatability(on, PGD()),
    ]
    found = []
    for done, check in enumerate(checks):
        progress(done, len(checks), "sanity")
        found += [asdict(row) for row in check()]
    return found


def _parity(report: Path) -> Rows:
    """The rows that the parity suite records; one that fails is among them as not met."""
    report.unlink(missing_ok=True)
    command = [sys.executable, *_PARITY, "--parity-report", str(report.resolve())]
    subprocess.run(command, check=False)  # noqa: S603 - our own tests.
    if not report.exists():
        raise SystemExit("the parity suite wrote no report; run it to see why: pytest tests/pipeline/attacks/parity")
    found: Rows = json.loads(report.read_text())
    return found


def _head(name: str, subject: Subject) -> list[str]:
    kept = ", ".join(sorted(set(subject.stale)))
    note = [f"Kept from an earlier state of the attacks' code: {kept}. Delete the work folder to measure anew.", ""]
    return [
        f"# The attacks on {name}",
        "",
        "Made by `make results-attacks DATA=<zip>`; the speed by `make results-attacks-speed` before it.",
        "",
        f"Seed {SEED}; {len(subject.indices)} scans of the test split, spread evenly. {_machine()}.",
        "",
        *(note if kept else []),
    ]


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {version('torch')}"


if __name__ == "__main__":
    sys.exit(main())
