"""What was promised of what passes the gate: wrong classes under attack, and clean scans."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.detector_figures import Found
from benchmarks.detector_goal import Goal, listed
from benchmarks.detector_parts import STATIC_PARTS, Part, cells_seen
from benchmarks.detector_stages import STATIC
from benchmarks.detector_work import Json
from pipeline.detection.rates import usual_uncertain

_WRONG, _CLEAN = "wrong answers handed out under the static attacks", "clean scans accepted"


class _Gate(NamedTuple):
    """How rows of a gate are titled, and by seed what passes it: `coverage` and `handed_out` of a report."""

    words: str
    passed: dict[int, Json]


def passed_goals(found: Found) -> Iterator[Goal]:
    """What passes at the threshold of the report, and what passes the gate as it is released."""
    reports = {note["seed"]: note["report"] for note in found.of(STATIC)}
    yield from _goals(found, _Gate(" at 1 %, by a gate without an uncertain band", reports))
    released = {seed: one for seed, report in reports.items() if (one := _as_released(report)) is not None}
    yield from _goals(found, _Gate(" by the gate as released, which holds uncertain scans as well", released))


def _as_released(report: Json) -> Json | None:
    """What passes the gate of the usual second threshold; None of a report that has no such row."""
    uncertain = usual_uncertain(report["alpha"])
    row = next((row for row in report["beside"].get("operating", ()) if row["alpha"] == uncertain), None)
    return row and {
        "alpha_uncertain": uncertain,
        "coverage": {"n": row["n_clean"], "accepted": row["accepted"]},
        "handed_out": {**report["handed_out"], "n": row["n_attacked"], "accepted": row["handed_out"]},
    }


def _goals(found: Found, gate: _Gate) -> Iterator[Goal]:
    attacked = {seed: one["handed_out"] for seed, one in gate.passed.items() if one["handed_out"]["n"]}
    shares = [one["accepted"]["value"] for one in attacked.values()]
    before = [one["undefended"]["value"] for one in attacked.values()]
    # Of all attacked scans, whether the attack succeeded or not: a cell without a success is measured like any other.
    seen = {key: 1 for key in cells_seen(found.of(STATIC)) if key[1] in attacked}
    words = f"{listed(shares)}, undefended {listed(before)}{_band(gate)}"
    n, met = sum(one["n"] for one in attacked.values()), max(shares, default=1.0) <= 0.01
    goal = Goal(_WRONG + gate.words, "at most 1% of attacked, every seed", words, n, met)
    yield found.parts(STATIC_PARTS, seen).complete(goal)

    clean = {seed: one["coverage"] for seed, one in gate.passed.items() if one["coverage"]["n"]}
    kept = [one["accepted"]["value"] for one in clean.values()]
    part = Part("clean scans")
    n, met = sum(one["n"] for one in clean.values()), min(kept, default=0.0) >= 0.985
    goal = Goal(_CLEAN + gate.words, "at least 98.5%, every seed", f"{listed(kept)}{_band(gate)}", n, met)
    yield found.parts([part], {(part, seed): one["n"] for seed, one in clean.items()}).complete(goal)


def _band(gate: _Gate) -> str:
    """At which rate a scan counts as uncertain, where the gate has such a band."""
    rates = sorted({one["alpha_uncertain"] for one in gate.passed.values() if "alpha_uncertain" in one})
    return f", uncertain up to a rate of {listed(rates)}" if rates else ""
