"""docs/results/detector.md: `python -m benchmarks.detector_report brain_mri.zip`; a run that was stopped goes on.

The data set and the classifier are those of `make results-main`, taken from its data root or made now; every seed has
attacked scans and a detector of its own. What a stage measured is kept as small notes, so that stages and seeds can be
run one after the other, and the page is written from all that is there. Weights, epochs and thresholds come from the
other splits alone.
"""

import argparse
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detector_adaptive import ADAPTIVE, adaptive_caveats, adaptive_goals, withstood
from benchmarks.detector_attack_goals import attack_goals
from benchmarks.detector_figures import Found
from benchmarks.detector_gate_goals import honest_goals, speed_caveats, speed_goals
from benchmarks.detector_methods import METHODS, compared, methods_caveats
from benchmarks.detector_page import Told, caveats, write_page
from benchmarks.detector_plan import SEEDS, Plan
from benchmarks.detector_speed import gate_speed
from benchmarks.detector_speed_gate import timing_gate
from benchmarks.detector_stages import HARD, LEAVE_OUT, NEVER, STAGES, STATIC
from benchmarks.detector_work import Json, Work, sources_id
from datasets.atomic import read_json, write_json
from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.terminal import shown_progress
from pipeline.gate.files import read_gate
from pipeline.memory import keep_freed_memory

SPEED = "speed"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages that are asked for, for the seeds that are asked for, and write the page."""
    asked = _parser().parse_args(argv)
    keep_freed_memory()
    asked.work.mkdir(parents=True, exist_ok=True)
    plan = Plan(name=asked.data.stem)
    report(Work(asked.data, DataRoot(asked.root), asked.work, plan, _stage, asked.limit), asked)
    sys.stdout.write(f"{asked.out.with_suffix('.md')}\n")
    return 0


def report(work: Work, asked: argparse.Namespace) -> None:
    """The stages, then the page from all notes that are there."""
    for seed in asked.seeds:
        for name, stage in STAGES.items():
            if name in asked.stages:
                remember(work, name, seed, stage(work, seed))
    if SPEED in asked.stages:
        _time_gates(work, asked)
    if ADAPTIVE in asked.stages:
        write_json(_note(work, ADAPTIVE), withstood(work, asked.seeds[0]))
    if METHODS in asked.stages:
        write_json(_note(work, METHODS), compared(work, asked.seeds[0]))
    found = Found([note for name in STAGES for seed in SEEDS for note in kept(work, name, seed)])
    adaptive: dict[str, Json] = _noted(work, ADAPTIVE, {})
    methods: Json = _noted(work, METHODS, {})
    speed: list[Json] = _noted(work, SPEED, [])
    detectors = [note["report"]["detector_id"] for stage in (STATIC, HARD) for note in found.of(stage)]
    parts = {NEVER: work.plan.never_trained, LEAVE_OUT: [" + ".join(names) for names in work.plan.left_out]}
    said = caveats(found, SEEDS, work.limit, sources_id(), parts=parts)
    said += [*adaptive_caveats(adaptive, detectors, sources_id()), *methods_caveats(methods, sources_id())]
    said += speed_caveats(speed, sources_id())
    write_page(
        asked.out,
        Told(
            head=_head(asked.data.stem, found),
            caveats=said,
            found=found,
            goals=[*attack_goals(found), *honest_goals(found), *adaptive_goals(adaptive), *speed_goals(speed)],
            adaptive=adaptive,
            methods=methods,
            speed=speed,
            facts={"seeds": found.seeds(STATIC), "machine": _machine(), "detectors": detectors},
        ),
    )


def remember(work: Work, stage: str, seed: int, notes: Sequence[Json]) -> None:
    """Keep which figures a stage gave last, for runs that do not run it."""
    write_json(_kept_note(work, stage, seed), list(notes))


def kept(work: Work, stage: str, seed: int) -> list[Json]:
    """The figures that a stage gave last for a seed; none where it was not run."""
    note = _kept_note(work, stage, seed)
    found: Any = read_json(note) if note.exists() else []
    return list(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detector_report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="the zip of make results-main")
    parser.add_argument("--root", type=Path, default=Path("var/results-main"), help="its data root")
    parser.add_argument("--work", type=Path, default=Path("var/results-detector"), help="where figures are kept")
    parser.add_argument("--out", type=Path, default=Path("docs/results/detector"))
    names = (*STAGES, SPEED, ADAPTIVE, METHODS)
    parser.add_argument(
        "--stages", type=_some(names), default=names, metavar="NAME,NAME", help=f"some of {', '.join(names)} (all)"
    )
    parser.add_argument(
        "--seeds", type=_some(SEEDS), default=SEEDS, metavar="N,N", help=f"some of {', '.join(map(str, SEEDS))}"
    )
    parser.add_argument("--gate", type=Path, action="append", default=[], help="folder of another gate to time as well")
    parser.add_argument("--speed-scans", type=int, default=200, help="how many times a gate is timed (%(default)s)")
    parser.add_argument("--limit", type=int, help="test scans at most, for a try; the page says so")
    return parser


def _some(allowed: Sequence[Any]) -> Any:
    def parsed(text: str) -> tuple[Any, ...]:
        known = {str(each): each for each in allowed}
        parts = text.split(",")
        if unknown := [part for part in parts if part not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r}: give some of {', '.join(known)}, with commas between")
        return tuple(known[part] for part in parts)

    return parsed


@contextmanager
def _stage(name: str) -> Iterator[Progress]:
    with shown_progress(name, quiet=False) as shown:
        yield shown


def _time_gates(work: Work, asked: argparse.Namespace) -> None:
    made = work.chain(asked.seeds[0])
    test = made.dataset.indices("test")
    kinds = [(made.dataset.items[i].shape, made.dataset.items[i].bits) for i in test.tolist()]
    commonest = max(set(kinds), key=kinds.count)
    chosen = [i for i, kind in zip(test.tolist(), kinds, strict=True) if kind == commonest][:20]
    levels = [np.asarray(made.dataset.levels(i)) for i in chosen]
    with work.stage(SPEED) as progress:
        timed_only = timing_gate("resnet18", made, work.notes / "timing", progress)
        gates = [made.gate, timed_only, *(read_gate(folder) for folder in asked.gate)]
        timed = [
            {**gate_speed(gate, levels, commonest[1], progress, n=asked.speed_scans), "sources": sources_id()}
            for gate in gates
        ]
    write_json(_note(work, SPEED), timed)


def _noted(work: Work, what: str, nothing: Any) -> Any:
    """What a stage that is no matter of seeds left, or nothing."""
    note = _note(work, what)
    return read_json(note) if note.exists() else nothing


def _note(work: Work, what: str) -> Path:
    return work.notes / f"{what}.json"


def _kept_note(work: Work, stage: str, seed: int) -> Path:
    return work.notes / f"last-{stage}-{seed}{'' if work.limit is None else f'-of-{work.limit}'}.json"


def _head(name: str, found: Found) -> list[str]:
    return [
        f"# The detector on {name}",
        "",
        "Made by `make results-detector DATA=<zip>`. Weights, epochs and thresholds come from the other splits.",
        "",
        f"Seeds {', '.join(map(str, found.seeds(STATIC))) or 'none'}, on one split and one classifier: a seed decides "
        f"the attacked scans, every random start and the detector. n counts successful attacks of all seeds. An AUROC "
        f"is the mean of the seeds'; intervals are of a bootstrap over groups of look-alikes. {_machine()}.",
        "",
        "Research use; no medical device.",
        "",
    ]


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {version('torch')}"


if __name__ == "__main__":
    sys.exit(main())
