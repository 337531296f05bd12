"""One promise beside what came of it, and how a figure is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.detection.pooled import Pooled

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Goal:
    """One promise; `n` scans it was measured on."""

    what: str
    goal: str
    value: str
    n: int
    met: bool


def at_least(what: str, least: float, of: Pooled, note: str = "", *, percent: bool = False) -> Goal:
    """A goal that a pooled figure reaches from below."""
    goal = f"at least {least:.0%}" if percent else f"at least {least:g}"
    return Goal(what, goal, told(of, percent, note), of.n, of.value is not None and of.value >= least)


def at_most(what: str, most: float, of: Pooled, note: str = "") -> Goal:
    """A goal that no seed may exceed."""
    met = of.worst is not None and of.worst <= most
    return Goal(what, f"at most {most:.0%}, every seed", told(of, True, note), of.n, met)


def missing(what: str, goal: str) -> Goal:
    """A goal whose stage was not run, or saw nothing."""
    return Goal(what, goal, NOT_MEASURED, 0, False)


def incomplete(reached: Goal, lacking: Sequence[str]) -> Goal:
    """The goal, which is not met while parts of what it speaks of were not measured."""
    if not lacking:
        return reached
    return replace(reached, value=f"{reached.value}; {NOT_MEASURED}: {', '.join(lacking)}", met=False)


def told(of: Pooled, percent: bool, note: str = "") -> str:
    """A pooled figure with its interval and its worst seed."""
    if of.value is None:
        return NOT_MEASURED
    form = ".1%" if percent else ".4f"
    words = f"{of.value:{form}} ({of.low:{form}} to {of.high:{form}}), worst seed {of.worst:{form}}"
    return f"{words}, {note}" if note else words


def listed(shares: Sequence[float]) -> str:
    """One share a seed."""
    return ", ".join(f"{each:.2%}" for each in shares)
