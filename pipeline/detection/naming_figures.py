"""How well attacks are named: what the likeliest type is worth, and what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from datasets.adversarial_store import WHOLE_IMAGE
from detector.named import UNKNOWN, name_attack
from detector.types import FAMILIES, TYPES, type_index
from pipeline.detection.statistics import Interval, rate, share_of

if TYPE_CHECKING:
    from pipeline.detection.examined import AttackedCell

LEAST_EPS = 2 / 255
"""At 1/255 every sign attack moves a pixel by one level or not at all, and there is little to tell them apart by."""

CALLED = (*TYPES[1:], UNKNOWN)
"""What an attack can be called, in the order of a confusion table."""

_SAME_EPS = 1e-5


@dataclass(frozen=True)
class NamingFigures:
    """How well successful attacks of the whole image are named, from `LEAST_EPS` up and of attacks without a radius.

    Attributes:
        n: those of attacks that have a name.
        type_f1: macro-F1 of the likeliest type, an attack called unknown counted as missed; None where an attack that
            has a name does not occur. `family_f1` the same of its family.
        unknown: share of them that is called unknown.
        one: share of them of which a single type is said.
        right: share of those not called unknown that are among what is said; `one_right` of those with a single type.
        n_strange: attacks without a name, `strange_unknown` the share of them that is called unknown.
    """

    n: int
    type_f1: float | None
    family_f1: float | None
    unknown: Interval
    one: Interval
    right: Interval
    one_right: Interval
    n_strange: int
    strange_unknown: Interval


_NO_SHARE = Interval(None, None, None)
NOT_NAMED = NamingFigures(0, None, None, _NO_SHARE, _NO_SHARE, _NO_SHARE, _NO_SHARE, 0, _NO_SHARE)
"""Of no attack at all."""


def called(cell: "AttackedCell") -> list[str]:
    """What each successful attack of a cell is called: its likeliest type, or unknown."""
    return [_called(probs) for probs in cell.scores.type_probs[cell.success].tolist()]


def naming_figures(cells: Sequence["AttackedCell"]) -> NamingFigures:
    """The figures over all cells of attacks on the whole image that are strong enough."""
    counts = {name: dict.fromkeys(CALLED, 0) for name in TYPES[1:]}
    unknown, one, right, strange = [], [], [], []
    for cell in cells:
        if cell.region != WHOLE_IMAGE or 0 < cell.eps < LEAST_EPS - _SAME_EPS:
            continue
        index = type_index(cell.attack)
        said = [name_attack(probs) for probs in cell.scores.type_probs[cell.success].tolist()]
        if index is None:
            strange += [not named.types for named in said]
            continue
        for name in called(cell):
            counts[TYPES[index]][name] += 1
        unknown += [not named.types for named in said]
        one += [named.is_one for named in said]
        right += [TYPES[index] in named.types for named in said]
    known, single = ~np.array(unknown, dtype=bool), np.array(one, dtype=bool)
    hits = np.array(right, dtype=bool)
    return NamingFigures(
        n=len(hits),
        type_f1=macro_f1(counts, {name: (name,) for name in TYPES[1:]}),
        family_f1=macro_f1(counts, FAMILIES),
        unknown=rate(int((~known).sum()), len(known)),
        one=rate(int(single.sum()), len(single)),
        right=rate(int(hits[known].sum()), int(known.sum())),
        one_right=rate(int(hits[single].sum()), int(single.sum())),
        n_strange=len(strange),
        strange_unknown=rate(sum(strange), len(strange)),
    )


def macro_f1(counts: Mapping[str, Mapping[str, int]], classes: Mapping[str, Sequence[str]]) -> float | None:
    """Macro-F1 of what attacks are called; None where a class has no attack.

    Args:
        counts: by attack type, how often it was called each of `CALLED`.
        classes: by name, the types that count as one. What is called none of them is missed.
    """
    scores = []
    for members in classes.values():
        n_true = sum(sum(counts[name].values()) for name in members)
        if n_true == 0:
            return None
        n_called = sum(row.get(name, 0) for row in counts.values() for name in members)
        n_right = sum(counts[name].get(other, 0) for name in members for other in members)
        scores.append(2 * n_right / (n_true + n_called))
    return float(np.mean(scores))


def naming_words(figures: NamingFigures) -> str:
    """The figures in sentences."""
    words = _known_words(figures) if figures.n else "No attack that has a name, of 2/255 or more, fools the classifier."
    if figures.n_strange:
        words += (
            f" Of {figures.n_strange} attacks that have no name {share_of(figures.strange_unknown)} are called unknown."
        )
    return words


def _known_words(figures: NamingFigures) -> str:
    return (
        f"Names of {figures.n} successful attacks of 2/255 and more: macro-F1 {_f1(figures.type_f1)} of the likeliest "
        f"type, {_f1(figures.family_f1)} of its family. A single type is said of {share_of(figures.one)}, and is right "
        f"for {share_of(figures.one_right)} of these; {share_of(figures.unknown)} are called unknown; where anything "
        f"is said, it is right for {share_of(figures.right)}."
    )


def _called(probs: Sequence[float]) -> str:
    if not name_attack(probs).types:
        return UNKNOWN
    return TYPES[1 + int(np.argmax(probs[1:]))]


def _f1(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
