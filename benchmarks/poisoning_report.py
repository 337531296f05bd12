"""docs/results/poisoning.md: `python -m benchmarks.poisoning_report IMAGES`; a run that was stopped goes on."""

import argparse
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.detector_goal import Goal
from benchmarks.poisoning_goals import Json, poisoning_goals
from benchmarks.poisoning_plan import DIGITS, HALF, SCANS, SEEDS, UNPOISONED, UNPOISONED_FEW, flips
from benchmarks.poisoning_rows import rows_of
from benchmarks.poisoning_work import Work
from benchmarks.seeds import LEGEND
from benchmarks.tables import share, table
from datasets.atomic import replacing, write_json
from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.terminal import shown_progress
from pipeline.memory import keep_freed_memory
from pipeline.poisoning.backdoor import rates
from pipeline.poisoning.flips import FlipRecipe, flipped


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the seeds that are asked for, and write the page."""
    asked = _parser().parse_args(argv)
    keep_freed_memory()
    asked.work.mkdir(parents=True, exist_ok=True)
    works = [Work(asked.digits, DataRoot(asked.root), asked.work, DIGITS, _stage)]
    if asked.scans is not None:
        works.append(Work(asked.scans, DataRoot(asked.root), asked.work, SCANS, _stage))
    seeds = {DIGITS.data: asked.seeds, SCANS.data: asked.seeds if asked.scan_seeds is None else asked.scan_seeds}
    rows = [row for work in works for row in rows_of(work, seeds[work.plan.data])]
    _write(asked.out, rows, list(poisoning_goals(rows)), works)
    sys.stdout.write(f"{asked.out.with_suffix('.md')}\n")
    return 0


def _write(stem: Path, rows: Sequence[Json], goals: Sequence[Goal], works: Sequence[Work]) -> None:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {version('torch')}"
    facts = {
        "machine": machine,
        "datasets": {work.plan.data: work.dataset.id for work in works},
        "goals": [asdict(one) for one in goals],
        "rows": rows,
    }
    write_json(stem.with_suffix(".json"), facts)
    with replacing(stem.with_suffix(".md")) as incoming:
        incoming.write_text("\n".join(_lines(rows, goals, works, machine)) + "\n", encoding="utf-8")


def _lines(rows: Sequence[Json], goals: Sequence[Goal], works: Sequence[Work], machine: str) -> Iterator[str]:
    yield from ("# Poisoning, finding the poison, and repair", "", "Made by `make results-poisoning`.")
    for work in works:
        counts = {split: sum(of) for split, of in work.dataset.counts().items() if sum(of)}
        yield f"{work.plan.data}: {work.dataset.name}, {', '.join(f'{n} {s}' for s, n in counts.items())}."
    yield f"A seed decides which images are poisoned and every training; the split is one. {machine}."
    yield from ("", LEGEND, "As the split is one, the intervals tell of other trainings, not of other test images.", "")
    yield from ("## Goals", "")
    yield from table(
        ["what", "goal", "value", "n", "met"],
        ([one.what, one.goal, one.value, str(one.n), "yes" if one.met else "**no**"] for one in goals),
    )
    yield from ("", "## What was poisoned", "")
    yield from table(
        ["data", "poison", "images", "of all to learn from", "of those labelled as the target", "how"], _poisoned(works)
    )
    yield from ("", "## Every finder, on every data set", "")
    yield "Found: of the poisoned images. Falsely: of the others. Unpoisoned: of the same data without poison, with as"
    yield "many trusted images."
    yield ""
    yield from table(["data", "poison", "seed", "finder", "found", "falsely", "F1", "unpoisoned"], _finders(rows))
    yield from ("", "Research use; no medical device.")


def _poisoned(works: Sequence[Work]) -> Iterator[list[str]]:
    """Each poisoning with the share that it is of, by the recipe of the first seed."""
    for work in works:
        plan, dataset = work.plan, work.dataset
        n_train = len(dataset.indices("train"))
        for what, recipe in plan.recipes(SEEDS[0]).items():
            if isinstance(recipe, FlipRecipe):
                n = len(flipped(dataset, recipe))
                source, target = (dataset.classes[label] for label in plan.pair)
                yield [plan.data, what, str(n), f"{n / n_train:.1%}", "-", f"{source} labelled {target}"]
                continue
            told, how = rates(dataset, recipe), f"trigger, {recipe.labels} labels"
            if (change := recipe.perturbation) is not None:
                how += (
                    f", {change.method} by at most {change.eps:g} in {change.steps} steps under a proxy of"
                    f" {plan.proxy_epochs} epochs, hardened by {plan.proxy.method} at {plan.proxy.eps:g}"
                )
            yield [plan.data, what, str(told.n), f"{told.of_all:.1%}", f"{told.of_target:.1%}", how]


def _finders(rows: Sequence[Json]) -> Iterator[list[str]]:
    """Each finder on each poisoned data set of each seed, beside its alarms on the same data unpoisoned."""
    unpoisoned = (UNPOISONED, UNPOISONED_FEW)
    quiet = {(row["data"], row["seed"], row["what"]): row["finders"] for row in rows if row["what"] in unpoisoned}
    for row in rows:
        if row["what"] in unpoisoned or "finders" not in row:
            continue
        beside = quiet[row["data"], row["seed"], UNPOISONED_FEW if row["what"] == flips(HALF) else UNPOISONED]
        for name, one in row["finders"].items():
            shares = (share(one["found"]), share(one["false"]), f"{one['f1']:.3f}", share(beside[name]))
            yield [row["data"], row["what"], str(row["seed"]), name, *shares]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.poisoning_report", description=__doc__)
    parser.add_argument("digits", type=Path, help="images of MNIST as IDX, packed or not; the labels beside them")
    parser.add_argument("--scans", type=Path, help="brain MRI as a zip; without, no scans are measured")
    parser.add_argument("--root", type=Path, default=Path("var/results-poisoning"), help="data root of what is made")
    parser.add_argument("--work", type=Path, default=Path("var/results-poisoning-notes"), help="where figures are kept")
    parser.add_argument("--out", type=Path, default=Path("docs/results/poisoning"))
    parser.add_argument("--seeds", type=_seeds, default=SEEDS, metavar="N,N", help="some of 0,1,2")
    parser.add_argument("--scan-seeds", type=_seeds, metavar="N,N", help="the same of the scans, which take hours")
    return parser


def _seeds(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if strange := [part for part in parts if not part.isdecimal() or int(part) not in SEEDS]:
        raise argparse.ArgumentTypeError(f"{strange[0]!r}: give some of {', '.join(map(str, SEEDS))}")
    return tuple(map(int, parts))


@contextmanager
def _stage(name: str) -> Iterator[Progress]:
    with shown_progress(name, quiet=False) as shown:
        yield shown


if __name__ == "__main__":
    sys.exit(main())
