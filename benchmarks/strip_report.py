"""docs/results/strip.md: `python -m benchmarks.strip_report IMAGES`, what STRIP holds and what it costs a gate."""

import argparse
import hashlib
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.detector_goal import NOT_MEASURED, Goal
from benchmarks.seeds import LEGEND, over_seeds
from benchmarks.strip_cost import CASES, Case, cost_of
from benchmarks.strip_overlays import Json, Plan, overlays_tried, read_digits
from benchmarks.tables import share, table
from datasets.atomic import replacing, write_json
from pipeline.gate.strip_choice import N_OVERLAYS, PARTS, SUMS, WAYS, StripChoice

_PLAN = Plan()
_DIGITS = CASES[0][0]
_MOST_MS = 100
_HOW = {"by_class": "by the predicted class", "single": "by one threshold"}
_AT_THE_GATE = {by: "by_class" if StripChoice(by=by).by_class else "single" for by in WAYS}
_OF = {"found": "triggered held", "alarms": "clean held"}


def main(argv: Sequence[str] | None = None, *, plan: Plan = _PLAN, cases: Sequence[Case] = CASES) -> int:
    """Measure what STRIP holds and costs, and write the page."""
    asked = _parser().parse_args(argv)
    x, y = read_digits(asked.digits)
    rows: list[Json] = []
    for place, poisoned, seed in product(plan.places, plan.shares, plan.seeds):
        sys.stdout.write(f"{place}, {poisoned:.0%} poisoned, seed {seed}\n")
        sys.stdout.flush()
        rows += overlays_tried(x, y, plan, place=place, share=poisoned, seed=seed)
    costs = []
    for case in cases:
        sys.stdout.write(f"cost with {case[0]}\n")
        sys.stdout.flush()
        costs.append(cost_of(case, rounds=asked.rounds))
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {version('torch')}"
    facts = {
        "machine": machine,
        "digits": {"name": asked.digits.name, "sha256": hashlib.sha256(asked.digits.read_bytes()).hexdigest()},
        "plan": asdict(plan),
        "goals": [asdict(one) for one in strip_goals(rows, costs, plan)],
        "rows": rows,
        "costs": costs,
    }
    write_json(asked.out.with_suffix(".json"), facts)
    with replacing(asked.out.with_suffix(".md")) as incoming:
        incoming.write_text("\n".join(_lines(facts, plan)) + "\n", encoding="utf-8")
    sys.stdout.write(f"{asked.out.with_suffix('.md')}\n")
    return 0


def strip_goals(rows: Sequence[Json], costs: Sequence[Json], plan: Plan) -> Iterator[Goal]:
    """What was promised of STRIP as the gate has it where nobody chose, beside what came of it."""
    for by in WAYS:
        for place, poisoned in product(plan.places, plan.shares):
            some = [
                row for row in rows if _is_default(row, by) and (row["place"], row["poisoned"]) == (place, poisoned)
            ]
            name = f"{_named(by)}, {poisoned:.0%} poisoned, {place}"
            found, alarms = ([row[_AT_THE_GATE[by]][of] for row in some] for of in _OF)
            yield _mean_goal(f"{name}: triggered found", "at least 95%, mean", found, lambda mean: mean >= 0.95)
            yield _mean_goal(f"{name}: clean rejected", "at most 1%, mean", alarms, lambda mean: mean <= 0.01)
        yield _speed_goal(by, [row for row in costs if row["classifier"] == _DIGITS])


def _is_default(told: Json, by: str) -> bool:
    """Whether a row or a cost is of what the gate does by this way where nobody chose a number."""
    return bool(told["by"] == by and told["overlays"] == N_OVERLAYS[by])


def _named(by: str) -> str:
    return f"STRIP by {by}, {N_OVERLAYS[by]} overlays"


def _mean_goal(what: str, goal: str, seeds: Sequence[Json], reached: Callable[[float], bool]) -> Goal:
    """The mean of the seeds' shares; not met where a seed saw nothing."""
    values = [one["value"] for one in seeds if one["value"] is not None]
    if not values:
        return Goal(what, goal, NOT_MEASURED, 0, False)
    met = len(values) == len(seeds) and reached(float(np.mean(values)))
    return Goal(what, goal, _mean(seeds), sum(one["n"] for one in seeds), met)


def _speed_goal(by: str, costs: Sequence[Json]) -> Goal:
    what, goal = f"{_named(by)}: an image of digits", f"at most {_MOST_MS} ms"
    taken = [one["ms"] for row in costs for one in row["with"] if _is_default(one, by)]
    if not taken:
        return Goal(what, goal, NOT_MEASURED, 0, False)
    return Goal(what, goal, f"{max(taken):.1f} ms, {_DIGITS}", costs[0]["rounds"], max(taken) <= _MOST_MS)


def _lines(facts: Json, plan: Plan) -> Iterator[str]:
    rows, costs = facts["rows"], facts["costs"]
    yield from ("# STRIP at the gate", "", "Made by `make results-strip`.")
    yield (
        f"{facts['digits']['name']}, divided by the seed: {plan.n_train} digits to learn from, {max(plan.overlays)} to "
        f"mix with, {plan.n_calibrating} to know by what is usual; of the others {plan.n_triggered} are judged with "
        f"the trigger and {plan.n_clean} without."
    )
    where = ", ".join(f"{name}: row {row}, column {column}" for name, (row, column) in plan.places.items())
    yield f"Small networks of two convolutions with a dirty-label backdoor: a 2x2 white trigger ({where}), target 0."
    yield f"A seed decides division, weights and batches. {facts['machine']}."
    yield from ("", LEGEND, "", "## Goals", "")
    yield from table(
        ["what", "goal", "value", "n", "met"],
        ([one["what"], one["goal"], one["value"], str(one["n"]), _met(one)] for one in facts["goals"]),
    )
    yield from ("", f"## What is held at {plan.rate:.0%} false rejects", "")
    yield "Triggered held: of the triggered images that bring the target. By the predicted class: by what is usual for"
    yield "the class that an image is called, as the gate judges sums. By one threshold: the same values, one threshold"
    yield "for all classes, as in the paper, and as the gate judges parts. Both are set on the same clean images by"
    yield "conformal rank. By parts: each of 49 parts is pasted onto the overlays; by sums: the overlays are added, as"
    yield "in the paper."
    yield ""
    yield from table(_head("way", "place", "poisoned", "overlays"), _means(rows, plan))
    yield from ("", "## Every classifier", "", "In brackets the 95 % interval of Wilson.", "")
    yield from table(_head("way", "place", "poisoned", "seed", "trigger works", "overlays"), map(_cells, rows))
    yield from ("", "## What it costs", "")
    yield "Compiled graphs with weights as they begin, processor time of one thread for a scan, without decoding."
    yield "Times: with STRIP to without, the median of rounds taken in turns, in brackets the least and the greatest."
    yield ""
    yield from table(
        [
            *("classifier", "side", "rounds", "without"),
            *(f"by {one['by']}, {one['overlays']} overlays" for one in costs[0]["with"]),
        ],
        (
            [row["classifier"], str(row["side"]), str(row["rounds"]), f"{row['without_ms']:.1f} ms"]
            + [f"{one['ms']:.1f} ms, {_ratio(one['ratio'])}" for one in row["with"]]
            for row in costs
        ),
    )
    yield from ("", "Research use; no medical device.")


def _head(*first: str) -> list[str]:
    return [*first, *(f"{words}, {by}" for words in _OF.values() for by in _HOW.values()), "n triggered", "n clean"]


def _means(rows: Sequence[Json], plan: Plan) -> Iterator[list[str]]:
    for by, counts in ((PARTS, plan.by_parts), (SUMS, plan.overlays)):
        for place, poisoned, m in product(plan.places, plan.shares, counts):
            case = (by, place, poisoned, m)
            some = [row for row in rows if (row["by"], row["place"], row["poisoned"], row["overlays"]) == case]
            held = [_mean([row[how][of] for row in some]) for of in _OF for how in _HOW]
            n_seen = [str(sum(row["single"][of]["n"] for row in some)) for of in _OF]
            yield [by, place, f"{poisoned:.0%}", str(m), *held, *n_seen]


def _cells(row: Json) -> list[str]:
    held = [share(row[how][of]) for of in _OF for how in _HOW]
    first = [row["by"], row["place"], f"{row['poisoned']:.0%}", str(row["seed"]), share(row["works"])]
    return [*first, str(row["overlays"]), *held, *(str(row["single"][of]["n"]) for of in _OF)]


def _mean(seeds: Sequence[Json]) -> str:
    values = [one["value"] for one in seeds if one["value"] is not None]
    return over_seeds(values, ".2%") if values else "-"


def _ratio(ratio: Mapping[str, float]) -> str:
    return f"{ratio['value']:.1f} times ({ratio['low']:.1f} to {ratio['high']:.1f})"


def _met(goal: Json) -> str:
    return "yes" if goal["met"] else "**no**"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strip_report", description=__doc__)
    parser.add_argument("digits", type=Path, help="images of MNIST as IDX, packed or not; the labels beside them")
    parser.add_argument("--rounds", type=int, default=7, help="times that each cost is taken (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("docs/results/strip"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
