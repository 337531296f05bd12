"""What was promised of honest scans and of the gate, row by row, beside what came of it."""

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.detector_figures import Found, against, clean_flagged, flagged, lacking
from benchmarks.detector_goal import Goal, at_least, at_most, incomplete, listed, missing, told
from benchmarks.detector_stages import STATIC
from pipeline.detection.controls import EQUAL_NORM, noise_name

NULL = (0.47, 0.53)


def honest_goals(found: Found) -> Iterator[Goal]:
    """What is not flagged that should not be, and what passes the gate."""
    yield from _noise(found)
    yield from _null(found)
    yield from _false_alarms(found)
    yield from _handed_out(found)


def speed_goals(speed: Sequence[dict[str, Any]]) -> Iterator[Goal]:
    """How fast the gates are that were timed."""
    for architecture, most in (("SequentialCNN", 25), ("resnet18", 60)):
        one = next((each for each in speed if each["architecture"] == architecture), None)
        what, goal = f"one scan, file to decision, one thread, {architecture}: p95", f"at most {most} ms"
        over, least = f"the same over decoding plus the bare graph, {architecture}", "at most 1.15 times"
        if one is None:
            yield from (missing(what, goal), missing(over, least))
            continue
        yield Goal(what, goal, f"{one['p95_ms']:.1f} ms", one["n"], one["p95_ms"] <= most)
        yield Goal(over, least, f"{one['ratio']:.2f} times", one["n"], one["ratio"] <= 1.15)


def _noise(found: Found) -> Iterator[Goal]:
    notes = found.of(STATIC)
    kinds = list(dict.fromkeys(kind for kind, _ in EQUAL_NORM))
    for level, least in ((1, 0.99), (2, 0.998)):
        some = [(against(notes, noise_name(kind, level), level), kind) for kind in kinds]
        some = [(figure, kind) for figure, kind in some if figure.value is not None]
        what = f"attacks against noise of equal norm at {level}/255, AUROC, worst noise"
        if not some:
            yield missing(what, f"at least {least:g}")
            continue
        figure, kind = min(some, key=lambda one: one[0].value or 0.0)
        lacks = lacking(notes, [noise_name(each, level) for each in kinds])
        yield incomplete(at_least(what, least, figure, kind), lacks)
    yield _worst_alarm("noise of equal norm flagged, worst norm", 0.03, notes, [noise_name(*key) for key in EQUAL_NORM])


def _null(found: Found) -> Iterator[Goal]:
    seen = [(note["report"]["null_attack"], note["report"]["n_clean"]) for note in found.of(STATIC)]
    goal = f"{NULL[0]} to {NULL[1]}, every seed"
    if not seen:
        yield missing("null attack, AUROC", goal)
        return
    value = ", ".join(f"{each:.3f}" for each, _ in seen)
    yield Goal(
        "null attack, AUROC", goal, value, sum(n for _, n in seen), all(NULL[0] <= v <= NULL[1] for v, _ in seen)
    )


def _false_alarms(found: Found) -> Iterator[Goal]:
    notes = found.of(STATIC)
    if notes:
        figure = clean_flagged(notes)
        ranges = [(note["report"]["clean_alarms"]["value"], note["report"]["flagged_range"]) for note in notes]
        met = all(low <= value <= high for value, (low, high) in ranges)
        goal = "inside the conformal range, every seed: " + ", ".join(f"{a:.2%} to {b:.2%}" for _, (a, b) in ranges)
        value = f"{told(figure, True)}: " + ", ".join(f"{each:.2%}" for each, _ in ranges)
        yield Goal("clean scans flagged at 1 %", goal, value, figure.n, met)
    else:
        yield missing("clean scans flagged at 1 %", "inside the conformal range, every seed")
    yield _worst_alarm("JPEG 95 and 90, gamma 0.9 and 1.1 flagged, worst", 0.02, notes, _MILD)
    yield _worst_alarm("JPEG 75, noise of sigma 2/255, resize 0.9 to 1.1 flagged, worst", 0.04, notes, _STRONGER)


def _worst_alarm(what: str, most: float, notes: list[dict[str, Any]], controls: Sequence[str]) -> Goal:
    some = [(flagged(notes, name), name) for name in controls]
    seen = [(figure, name) for figure, name in some if figure.worst is not None]
    if not seen:
        return missing(what, f"at most {most:.0%}, every seed")
    figure, name = max(seen, key=lambda one: one[0].worst or 0.0)
    return incomplete(at_most(what, most, figure, name), lacking(notes, controls))


def _handed_out(found: Found) -> Iterator[Goal]:
    reports = [note["report"] for note in found.of(STATIC)]
    wrong, clean = "wrong answers handed out under the static attacks", "clean scans accepted"
    if not reports:
        yield from (missing(wrong, "at most 1% of attacked, every seed"), missing(clean, "at least 98.5%, every seed"))
        return
    shares = [one["handed_out"]["accepted"]["value"] or 0.0 for one in reports]
    before = [one["handed_out"]["undefended"]["value"] or 0.0 for one in reports]
    value = f"{listed(shares)}, undefended {listed(before)}"
    n = sum(one["handed_out"]["n"] for one in reports)
    goal = Goal(wrong, "at most 1% of attacked, every seed", value, n, max(shares) <= 0.01)
    yield incomplete(
        goal, [f"seed {note['seed']}" for note in found.of(STATIC) if not note["report"]["handed_out"]["n"]]
    )
    kept = [one["coverage"]["accepted"]["value"] or 0.0 for one in reports]
    n = sum(one["coverage"]["n"] for one in reports)
    yield Goal(clean, "at least 98.5%, every seed", listed(kept), n, min(kept) >= 0.985)


_MILD = ("JPEG 95", "JPEG 90", "gamma 0.9", "gamma 1.1")


_STRONGER = ("JPEG 75", "Gaussian noise 2/255", "Rician noise 2/255", "resize 0.9", "resize 0.95", "resize 1.1")
