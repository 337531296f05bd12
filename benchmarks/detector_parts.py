"""What was promised, part by part and seed by seed, and what of it was measured."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from benchmarks.detector_goal import NOT_MEASURED, Goal, incomplete, missing
from benchmarks.detector_plan import LEVELS, SIGN_ATTACKS
from benchmarks.detector_work import Json

IMAGE = "image"


class Part(NamedTuple):
    """An attack at a radius in 1/255, None for one without, or a control by its name."""

    name: str
    level: float | None = None

    def __str__(self) -> str:
        """For people."""
        return _with_levels(self.name, [self.level])


Seen = Mapping[tuple[Part, int], int]
"""By part and seed, on how many scans it was measured; 0 for an attack that never succeeded."""

SIGN_PARTS = tuple(Part(name, level) for name in SIGN_ATTACKS for level in LEVELS)
STATIC_PARTS = (*SIGN_PARTS, Part("cw"))
"""What every seed attacks its scans with."""


@dataclass(frozen=True)
class Parts:
    """The parts that a goal speaks of, for every seed, and those that were seen."""

    promised: Sequence[Part]
    seeds: Sequence[int]
    seen: Seen

    def complete(self, goal: Goal) -> Goal:
        """The goal, with what it is without: it is not met while a part was not run.

        An attack that was run and never succeeded is named, and leaves the goal as it is.
        """
        every = [(part, seed) for part in self.promised for seed in self.seeds]
        absent = {each for each in every if each not in self.seen}
        if len(absent) == len(every):
            return missing(goal.what, goal.goal)
        run = [seed for seed in self.seeds if any((part, seed) not in absent for part in self.promised)]
        words = [goal.value] if goal.value != NOT_MEASURED else []
        if failed := told_parts(self.promised, run, {each for each in every if self.seen.get(each) == 0}):
            words.append(f"no success: {', '.join(failed)}")
        told = replace(goal, value="; ".join(words) or NOT_MEASURED)
        return incomplete(told, told_parts(self.promised, self.seeds, absent))


def told_parts(promised: Sequence[Part], seeds: Sequence[int], some: Collection[tuple[Part, int]]) -> list[str]:
    """Some parts in few words: seeds of which they are all, and of the others each attack, with its radii if some."""
    whole = [seed for seed in seeds if all((part, seed) in some for part in promised)]
    rest = tuple(seed for seed in seeds if seed not in whole)
    levels: dict[tuple[str, tuple[int, ...]], list[float | None]] = {}
    for part in promised:
        if of := tuple(seed for seed in rest if (part, seed) in some):
            levels.setdefault((part.name, of), []).append(part.level)
    words = [_seeds(whole)] if whole else []
    for (name, of), radii in levels.items():
        every = radii == [part.level for part in promised if part.name == name]
        words.append((name if every else _with_levels(name, radii)) + ("" if of == rest else f" ({_seeds(of)})"))
    return words


def cells_seen(notes: Iterable[Json], region: str = IMAGE) -> Seen:
    """The attacks of these notes, and how many succeeded."""
    return {
        (Part(cell["attack"], cell["level"]), note["seed"]): len(cell["scores"])
        for note in notes
        for cell in note["raw"]["cells"]
        if cell["region"] == region
    }


def controls_seen(notes: Iterable[Json], names: Iterable[str]) -> Seen:
    """Those of these controls that the notes have scores of."""
    names = list(names)
    counts = {
        (Part(name), note["seed"]): len(note["raw"]["controls"].get(name, {}).get("scores", ()))
        for note in notes
        for name in names
    }
    return {key: n for key, n in counts.items() if n}


def level_of(eps: float) -> float | None:
    """A radius in pixel fractions, which may come from a file of single precision, in 1/255."""
    return round(255 * eps, 3) if eps > 0 else None


def _seeds(some: Iterable[int]) -> str:
    return f"seed {', '.join(map(str, some))}"


def _with_levels(name: str, levels: Sequence[float | None]) -> str:
    radii = [f"{level:g}" for level in levels if level is not None]
    return f"{name} {', '.join(radii)}/255" if radii else name
