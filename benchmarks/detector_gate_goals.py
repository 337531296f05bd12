"""What was promised of honest scans and of the gate, row by row, beside what came of it."""

from collections.abc import Iterator, Sequence

from benchmarks.detector_figures import Found, against, clean_flagged, flagged
from benchmarks.detector_goal import Goal, at_least, at_most, missing, told
from benchmarks.detector_parts import SIGN_PARTS, Part, cells_seen, controls_seen
from benchmarks.detector_passed_goals import passed_goals
from benchmarks.detector_stages import STATIC
from benchmarks.detector_work import Json
from pipeline.detection.controls import EQUAL_NORM, FAINT, MIXED, noise_name

NULL = (0.47, 0.53)


def honest_goals(found: Found) -> Iterator[Goal]:
    """What is not flagged that should not be, and what passes the gate."""
    yield from _noise(found)
    yield _null(found)
    yield from _false_alarms(found)
    yield from passed_goals(found)


def speed_caveats(speed: Sequence[Json], sources: str) -> Iterator[str]:
    """What keeps the times from being those of the code of now."""
    for one in speed:
        if one.get("sources") != sources:
            yield f"The times of {one['architecture']} are kept from an earlier state of the detector's code."


def speed_goals(speed: Sequence[Json]) -> Iterator[Goal]:
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
        names = [noise_name(kind, level) for kind in kinds]
        attacks = [part for part in SIGN_PARTS if part.level == level]
        seen = {key: n for key, n in cells_seen(notes).items() if key[0] in attacks} | controls_seen(notes, names)
        parts = found.parts([*(Part(name) for name in names), *attacks], seen)
        if not some:
            yield parts.complete(missing(what, f"at least {least:g}"))
            continue
        figure, kind = min(some, key=lambda one: one[0].value or 0.0)
        yield parts.complete(at_least(what, least, figure, kind))
    any_norm = [*(noise_name(*key) for key in EQUAL_NORM), *FAINT]
    yield _worst_alarm("noise of any norm, also faint, flagged, worst", 0.03, found, any_norm)
    yield _worst_alarm("two harmless changes one after the other flagged, worst", 0.04, found, list(MIXED))


def _null(found: Found) -> Goal:
    seen = {note["seed"]: note["report"] for note in found.of(STATIC) if note["report"]["null_attack"] is not None}
    values = [report["null_attack"] for report in seen.values()]
    n, met = sum(report["n_clean"] for report in seen.values()), all(NULL[0] <= value <= NULL[1] for value in values)
    words = ", ".join(f"{value:.3f}" for value in values)
    what = Part("null attack")
    parts = found.parts([what], {(what, seed): report["n_clean"] for seed, report in seen.items()})
    return parts.complete(Goal("null attack, AUROC", f"{NULL[0]} to {NULL[1]}, every seed", words, n, met))


def _false_alarms(found: Found) -> Iterator[Goal]:
    yield _clean(found)
    yield _worst_alarm("JPEG 95 and 90, gamma 0.9 and 1.1 flagged, worst", 0.02, found, _MILD)
    yield _worst_alarm("JPEG 75, noise of sigma 2/255, resize 0.9 to 1.1 flagged, worst", 0.04, found, _STRONGER)


def _clean(found: Found) -> Goal:
    what, goal = "clean scans flagged at 1 %", "inside the conformal range, every seed"
    notes = [note for note in found.of(STATIC) if note["report"]["clean_alarms"]["value"] is not None]
    part = Part("clean scans")
    parts = found.parts([part], {(part, note["seed"]): note["report"]["n_clean"] for note in notes})
    if not notes:
        return parts.complete(missing(what, goal))
    figure = clean_flagged(notes)
    ranges = [(note["report"]["clean_alarms"]["value"], note["report"]["flagged_range"]) for note in notes]
    met = all(low <= value <= high for value, (low, high) in ranges)
    goal += ": " + ", ".join(f"{a:.2%} to {b:.2%}" for _, (a, b) in ranges)
    value = f"{told(figure, True)}: " + ", ".join(f"{each:.2%}" for each, _ in ranges)
    return parts.complete(Goal(what, goal, value, figure.n, met))


def _worst_alarm(what: str, most: float, found: Found, controls: Sequence[str]) -> Goal:
    notes = found.of(STATIC)
    parts = found.parts([Part(name) for name in controls], controls_seen(notes, controls))
    some = [(flagged(notes, name), name) for name in controls]
    seen = [(figure, name) for figure, name in some if figure.worst is not None]
    if not seen:
        return parts.complete(missing(what, f"at most {most:.0%}, every seed"))
    figure, name = max(seen, key=lambda one: one[0].worst or 0.0)
    return parts.complete(at_most(what, most, figure, name))


_MILD = ("JPEG 95", "JPEG 90", "gamma 0.9", "gamma 1.1")


_STRONGER = ("JPEG 75", "Gaussian noise 2/255", "Rician noise 2/255", "resize 0.9", "resize 0.95", "resize 1.1")
