"""What was promised of attacks that went through JPEG, and of what attacks are called."""

from collections.abc import Iterator

from benchmarks.detector_beside import pooled_beside
from benchmarks.detector_figures import Found, macro_f1
from benchmarks.detector_goal import Goal, missing
from benchmarks.detector_parts import IMAGE, STATIC_PARTS, Part, level_of
from benchmarks.detector_stages import STATIC
from detector.types import FAMILIES, TYPES

CHANGE = "JPEG 90"
LEAST_FILES = 10
"""How many files an attack must have left at a radius to be judged by itself: of fewer, a share says little."""

_LEAST_LEVEL = 2


def after_jpeg_goals(found: Found) -> Iterator[Goal]:
    """Attacks that still fool after JPEG 90: all of them together, and the worst of them."""
    what, goal = f"attacked, then {CHANGE}, and still fooling: found at 1 %", "at least 80%"
    worst_of = f"the same, worst attack and radius with at least {LEAST_FILES} such files"
    notes = found.of(STATIC)
    seen = {
        (Part(row["attack"], level_of(row["eps"])), note["seed"]): row["n"]
        for note in notes
        for row in note["report"]["beside"]["survivors"]
        if row["change"] == CHANGE and row["region"] == IMAGE
    }
    parts = found.parts(STATIC_PARTS, seen)
    counts = _counts(found)
    fooling, flagged = (sum(each[k] for each in counts.values()) for k in (0, 1))
    if not fooling:
        yield from (parts.complete(missing(what, goal)), parts.complete(missing(worst_of, goal)))
        return
    value = flagged / fooling
    words = f"{value:.1%}; {fooling} of {sum(seen.values())} attacks still fool"
    yield parts.complete(Goal(what, goal, words, fooling, value >= 0.8))
    few = [f"{part} ({n})" for part, (n, _) in counts.items() if n < LEAST_FILES]
    left = f"; fewer files: {', '.join(few)}" if few else ""
    many = {part: each for part, each in counts.items() if each[0] >= LEAST_FILES}
    if not many:
        yield parts.complete(Goal(worst_of, goal, f"none{left}", fooling, False))
        return
    part = min(many, key=lambda one: many[one][1] / many[one][0])
    n, hits = many[part]
    yield parts.complete(Goal(worst_of, goal, f"{hits / n:.1%} ({hits} of {n}), {part}{left}", n, hits / n >= 0.8))


def _counts(found: Found) -> dict[Part, tuple[int, int]]:
    """Of each attack that ever succeeded, how many files still fool, and how many of these are flagged."""
    counts = {}
    for row in pooled_beside(found.of(STATIC)).survivors:
        if row.change == CHANGE and row.region == IMAGE and row.n:
            n = round(row.n * (row.fooling.value or 0))
            counts[Part(row.attack, level_of(row.eps))] = (n, round(n * (row.flagged_fooling.value or 0)))
    return counts


def naming_goals(found: Found) -> Iterator[Goal]:
    """What attacks are called, by type and by family."""
    notes = found.of(STATIC)
    seen = {
        (Part(cell["attack"], level_of(cell["eps"])), note["seed"]): sum(cell["named"].values())
        for note in notes
        for cell in note["report"]["cells"]
        if cell["region"] == IMAGE
    }
    promised = [part for part in STATIC_PARTS if part.level is None or part.level >= _LEAST_LEVEL]
    parts = found.parts(promised, seen)
    classes = {name: (name,) for name in TYPES[1:]}
    for what, of, least in (("type, five ways, from 2/255 on", classes, 0.9), ("family", FAMILIES, 0.97)):
        value, n = macro_f1(notes, of, least_level=_LEAST_LEVEL)
        goal = f"macro-F1 at least {least:g}"
        told = missing(what, goal) if value is None else Goal(what, goal, f"{value:.3f}", n, value >= least)
        yield parts.complete(told)
