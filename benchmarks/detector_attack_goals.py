"""What was promised of attacks, row by row, beside what came of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from benchmarks.detector_figures import Cell, Found, cells
from benchmarks.detector_goal import Goal, at_least, missing
from benchmarks.detector_kept_goals import after_jpeg_goals, naming_goals
from benchmarks.detector_parts import IMAGE, SIGN_PARTS, Part, Parts, cells_seen, level_of
from benchmarks.detector_plan import LEVELS, SIGN_ATTACKS
from benchmarks.detector_stages import STATIC, VARIANTS
from benchmarks.detector_unseen_goals import unseen_goals
from benchmarks.detector_work import Json
from pipeline.detection.pooled import Pooled

HEAD = "head"


def attack_goals(found: Found) -> Iterator[Goal]:
    """How attacks are found, told apart, and still found when something about them is new."""
    yield from _sign(found)
    yield _masked(found)
    yield _zeroed(found)
    yield from _carlini_wagner(found)
    yield from unseen_goals(found)
    yield from after_jpeg_goals(found)
    yield from naming_goals(found)


def _sign(found: Found) -> Iterator[Goal]:
    notes = found.of(STATIC)
    seen = cells(notes, lambda cell: cell["attack"] in SIGN_ATTACKS and cell["region"] == IMAGE)
    for level in LEVELS:
        some = [cell for cell in seen if cell.level == level and cell.auroc.n]
        parts = found.parts([part for part in SIGN_PARTS if part.level == level], cells_seen(notes))
        for figure, (least, of) in _SIGN_GOALS.items():
            what, percent = f"FGSM, BIM, PGD, MIM at {level}/255, worst: {figure}", figure != "AUROC"
            if not some:
                yield parts.complete(missing(what, f"at least {least:.0%}" if percent else f"at least {least:g}"))
                continue
            worst = _worst(some, of)
            reached = at_least(what, least, of(worst), worst.attack, percent=percent)
            yield parts.complete(_strictly(reached, notes) if figure == "found at 0.1 %" else reached)


def _strictly(reached: Goal, notes: list[Json]) -> Goal:
    """A goal at the strictest rate, which is not met where the calibration scans of a seed cannot support that rate."""
    report = next((note["report"] for note in notes if not note["report"]["strict"]["supported"]), None)
    if report is None:
        return reached
    n, needed, rate = report["n_calibration"], report["strict"]["n_needed"], report["strict"]["rate"]
    words = f"not supported by {n} calibration scans ({needed} needed); at their highest score, a rate of {rate:.2%}: "
    return replace(reached, value=words + reached.value, met=False)


def _masked(found: Found) -> Goal:
    held, static = found.of(VARIANTS, HEAD), found.of(STATIC)
    # Of the same seeds: detectors differ from seed to seed by more than masking does.
    seeds = {note["seed"] for note in held} & {note["seed"] for note in static}
    held, on_all = ([note for note in notes if note["seed"] in seeds] for notes in (held, static))
    before = {cell.part: cell.auroc.value for cell in cells(on_all) if cell.region == IMAGE}
    drops = {
        str(cell.part): _Drop(whole - cell.auroc.value, cell.auroc.n)
        for cell in cells(held, lambda cell: cell["region"] == HEAD)
        if (whole := before.get(cell.part)) is not None and cell.auroc.value is not None
    }
    of_all = cells_seen(on_all)
    seen = {key: min(n, of_all[key]) for key, n in cells_seen(held, HEAD).items() if key in of_all}
    return _largest("attack masked to the head, AUROC", drops, found.parts(SIGN_PARTS, seen))


def _zeroed(found: Found) -> Goal:
    notes = found.of(STATIC)
    rows = {
        (Part(row["attack"], level_of(row["eps"])), note["seed"]): row
        for note in notes
        for row in note["report"]["beside"]["background"]
        if row["attack"] in SIGN_ATTACKS and row["region"] == IMAGE and row["auroc"]["value"] is not None
    }
    drops = {
        f"{part}, seed {seed}": _Drop(row["auroc_before"]["value"] - row["auroc"]["value"], row["n"])
        for (part, seed), row in rows.items()
    }
    seen = {key: 0 for key, n in cells_seen(notes).items() if not n} | {key: row["n"] for key, row in rows.items()}
    return _largest("background zeroed for the detector, AUROC, every seed", drops, found.parts(SIGN_PARTS, seen))


class _Drop(NamedTuple):
    """By how much an AUROC falls, and of how many attacks."""

    by: float
    n: int


def _largest(what: str, drops: dict[str, _Drop], parts: Parts) -> Goal:
    """The largest drop, of all that are expected."""
    if not drops:
        return parts.complete(missing(what, "falls by at most 0.01"))
    name = max(drops, key=lambda name: drops[name].by)
    n, largest = sum(each.n for each in drops.values()), drops[name].by
    return parts.complete(Goal(what, "falls by at most 0.01", f"{largest:.4f} ({name})", n, largest <= 0.01))


def _carlini_wagner(found: Found) -> Iterator[Goal]:
    for kappa, notes in ((0, found.of(STATIC)), (5, found.of(VARIANTS, "cw kappa 5"))):
        some = cells(notes, lambda cell: cell["attack"] == "cw" and cell["region"] == IMAGE)
        parts = found.parts([Part("cw")], cells_seen(notes))
        name = f"C&W L2, kappa {kappa}"
        if not some:
            yield from (missing(f"{name}: AUROC", "at least 0.99"), missing(f"{name}: found at 1 %", "at least 95%"))
            continue
        yield parts.complete(at_least(f"{name}: AUROC", 0.99, some[0].auroc))
        yield parts.complete(at_least(f"{name}: found at 1 %", 0.95, some[0].found, percent=True))


def _worst(some: list[Cell], of: Callable[[Cell], Pooled]) -> Cell:
    def value(cell: Cell) -> float:
        figure = of(cell).value
        return 0.0 if figure is None else figure

    return min(some, key=value)


_SIGN_GOALS: dict[str, tuple[float, Callable[[Cell], Pooled]]] = {
    "AUROC": (0.998, lambda cell: cell.auroc),
    "found at 1 %": (0.99, lambda cell: cell.found),
    "found at 0.1 %": (0.95, lambda cell: cell.found_strict),
}
