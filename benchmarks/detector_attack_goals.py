"""What was promised of attacks, row by row, beside what came of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks.detector_figures import IMAGE, Cell, Found, cells, macro_f1, share
from benchmarks.detector_goal import Goal, at_least, incomplete, missing
from benchmarks.detector_plan import LEVELS, SIGN_ATTACKS
from benchmarks.detector_stages import LEAVE_OUT, NEVER, STATIC, VARIANTS
from benchmarks.detector_work import Json
from detector.types import FAMILIES, TYPES
from pipeline.detection.pooled import Pooled


def attack_goals(found: Found) -> Iterator[Goal]:
    """How attacks are found, told apart, and still found when something about them is new."""
    yield from _sign(found)
    yield from _masked(found)
    yield from _carlini_wagner(found)
    yield from _unseen(found)
    yield from _after_jpeg(found)
    yield from _types(found)


def _sign(found: Found) -> Iterator[Goal]:
    notes = found.of(STATIC)
    seen = cells(notes, lambda cell: cell["attack"] in SIGN_ATTACKS and cell["region"] == IMAGE)
    for level in LEVELS:
        some = [cell for cell in seen if cell.level == level and cell.auroc.n]
        for figure, (least, of) in _SIGN_GOALS.items():
            what = f"FGSM, BIM, PGD, MIM at {level}/255, worst: {figure}"
            if len(some) < len(SIGN_ATTACKS):
                yield missing(what, f"at least {least:g}")
                continue
            worst = _worst(some, of)
            reached = at_least(what, least, of(worst), worst.attack, percent=figure != "AUROC")
            yield _strictly(reached, notes[0]["report"]) if figure == "found at 0.1 %" else reached


def _strictly(reached: Goal, report: Json) -> Goal:
    """A goal at the strictest rate, which is not met where the calibration scans cannot support that rate."""
    strict = report["strict"]
    if strict["supported"]:
        return reached
    n, needed, rate = report["n_calibration"], strict["n_needed"], strict["rate"]
    words = f"not supported by {n} calibration scans ({needed} needed); at their highest score, a rate of {rate:.2%}: "
    return replace(reached, value=words + reached.value, met=False)


def _masked(found: Found) -> Iterator[Goal]:
    held, static = found.of(VARIANTS, "head"), found.of(STATIC)
    # Of the same seeds: detectors differ from seed to seed by more than masking does.
    seeds = {note["seed"] for note in held} & {note["seed"] for note in static}
    held, on_all = ([note for note in notes if note["seed"] in seeds] for notes in (held, static))
    whole = {(cell.attack, cell.level): cell.auroc.value for cell in cells(on_all) if cell.region == IMAGE}
    drops = {
        _named(cell.attack, cell.level): _Drop(before - cell.auroc.value, cell.auroc.n)
        for cell in cells(held, lambda cell: cell["region"] == "head")
        if (before := whole.get((cell.attack, cell.level))) is not None and cell.auroc.value is not None
    }
    yield _largest("attack masked to the head, AUROC", drops, _SIGN_NAMES)
    zeroed = {
        f"{_named(row['attack'], 255 * row['eps'])}, seed {note['seed']}": _Drop(
            row["auroc_before"]["value"] - row["auroc"]["value"], row["n"]
        )
        for note in static
        for row in note["report"]["beside"]["background"]
        if row["attack"] in SIGN_ATTACKS and row["region"] == IMAGE and row["auroc"]["value"] is not None
    }
    expected = [f"{name}, seed {note['seed']}" for note in static for name in _SIGN_NAMES]
    yield _largest("background zeroed for the detector, AUROC, every seed", zeroed, expected)


class _Drop(NamedTuple):
    """By how much an AUROC falls, and of how many attacks."""

    by: float
    n: int


def _largest(what: str, drops: dict[str, _Drop], expected: Sequence[str]) -> Goal:
    """The largest drop, of all that are expected."""
    if not drops:
        return missing(what, "falls by at most 0.01")
    name = max(drops, key=lambda name: drops[name].by)
    n, largest = sum(each.n for each in drops.values()), drops[name].by
    goal = Goal(what, "falls by at most 0.01", f"{largest:.4f} ({name})", n, largest <= 0.01)
    return incomplete(goal, [each for each in expected if each not in drops])


def _named(attack: str, level: float | None) -> str:
    return f"{attack} {level or 0:.0f}/255"


def _carlini_wagner(found: Found) -> Iterator[Goal]:
    for kappa, notes in ((0, found.of(STATIC)), (5, found.of(VARIANTS, "cw kappa 5"))):
        some = cells(notes, lambda cell: cell["attack"] == "cw")
        name = f"C&W L2, kappa {kappa}"
        if not some:
            yield from (missing(f"{name}: AUROC", "at least 0.99"), missing(f"{name}: found at 1 %", "at least 95%"))
            continue
        yield at_least(f"{name}: AUROC", 0.99, some[0].auroc)
        yield at_least(f"{name}: found at 1 %", 0.95, some[0].found, percent=True)


def _unseen(found: Found) -> Iterator[Goal]:
    left = []
    for what in found.whats(LEAVE_OUT):
        if " + " not in what:
            left += cells(found.of(LEAVE_OUT, what), lambda cell, what=what: cell["attack"] == what)
    yield from _mean_and_worst("leave one attack out", left, 0.98, 0.93)
    never = [cell for what in found.whats(NEVER) for cell in cells(found.of(NEVER, what))]
    yield from _mean_and_worst("attacks that were never trained on", never, 0.95, 0.85)


def _mean_and_worst(what: str, some: list[Cell], mean: float, worst: float) -> Iterator[Goal]:
    seen = [(cell.auroc.value, cell) for cell in some if cell.auroc.value is not None]
    if not seen:
        yield from (
            missing(f"{what}: mean AUROC", f"at least {mean:g}"),
            missing(f"{what}: worst AUROC", f"at least {worst:g}"),
        )
        return
    average, n = sum(value for value, _ in seen) / len(seen), sum(cell.auroc.n for _, cell in seen)
    yield Goal(f"{what}: mean AUROC", f"at least {mean:g}", f"{average:.4f} of {len(seen)} cells", n, average >= mean)
    cell = min(seen, key=lambda one: one[0])[1]
    yield at_least(f"{what}: worst AUROC", worst, cell.auroc, cell.name)


def _after_jpeg(found: Found) -> Iterator[Goal]:
    what, goal = "attacked, then JPEG 90, and still fooling: found at 1 %", "at least 80%"
    rows = [row for some in found.rows("survivors") for row in some if row["change"] == "JPEG 90"]
    fooling = [(round(row["n"] * (row["fooling"]["value"] or 0)), row["flagged_fooling"]["value"] or 0) for row in rows]
    n = sum(count for count, _ in fooling)
    value = share(round(sum(count * part for count, part in fooling)), n)
    if value is None:
        yield missing(what, goal)
    else:
        total = sum(row["n"] for row in rows)
        yield Goal(what, goal, f"{value:.1%}; {n} of {total} attacks still fool", n, value >= 0.8)


def _types(found: Found) -> Iterator[Goal]:
    classes = {name: (name,) for name in TYPES[1:]}
    for what, of, least in (("type, five ways, from 2/255 on", classes, 0.9), ("family", FAMILIES, 0.97)):
        value, n = macro_f1(found.of(STATIC), of)
        goal = f"macro-F1 at least {least:g}"
        yield missing(what, goal) if value is None else Goal(what, goal, f"{value:.3f}", n, value >= least)


def _worst(some: list[Cell], of: Callable[[Cell], Pooled]) -> Cell:
    def value(cell: Cell) -> float:
        figure = of(cell).value
        return 0.0 if figure is None else figure

    return min(some, key=value)


_SIGN_NAMES = [_named(attack, level) for attack in SIGN_ATTACKS for level in LEVELS]


_SIGN_GOALS: dict[str, tuple[float, Callable[[Cell], Pooled]]] = {
    "AUROC": (0.998, lambda cell: cell.auroc),
    "found at 1 %": (0.99, lambda cell: cell.found),
    "found at 0.1 %": (0.95, lambda cell: cell.found_strict),
}
