"""What was promised of poisoning, finding and repair, beside what came of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.detector_goal import NOT_MEASURED, Goal
from benchmarks.poisoning_once_goals import tampered_goals, timed_goals
from benchmarks.poisoning_peers import AC, SS, SS_TOLD
from benchmarks.poisoning_plan import (
    CLEAN_5,
    CONTROL,
    DIGITS,
    DIRTY_1,
    DIRTY_5,
    HALF,
    SCANS,
    SEEDS,
    TAMPERED,
    TIMED,
    UNPOISONED,
    UNPOISONED_FEW,
    flips,
)
from benchmarks.seeds import over_seeds
from detector.poisoned.confident_labels import ConfidentLabels
from detector.poisoned.fused import Fused
from pipeline.gate.strip_choice import WAYS

Json = dict[str, Any]

_F1 = {0.05: 0.90, 0.1: 0.92, 0.2: 0.93, 0.4: 0.85}
_POINTS = 100
_ROUNDING = 1e-9


def poisoning_goals(rows: Sequence[Json], *, seeds: Sequence[int] = SEEDS) -> Iterator[Goal]:
    """Every goal; one whose seeds were not all measured is not met, and says so."""
    for plan, goals in ((DIGITS, _of_digits), (SCANS, _of_scans)):
        of: dict[str, list[Json]] = {}
        for row in rows:
            if row["data"] == plan.data:
                of.setdefault(row["what"], []).append(row)
        for goal, what in goals(of):
            named = goal if plan is DIGITS else replace(goal, what=f"{plan.data}, {goal.what}")
            yield _seeds_told(named, [row["seed"] for row in of.get(what, ())], seeds)
    yield from timed_goals([row for row in rows if row["what"] == TIMED])
    yield from tampered_goals([row for row in rows if row["what"] == TAMPERED])


def _seeds_told(goal: Goal, measured: Sequence[int], seeds: Sequence[int]) -> Goal:
    missing = sorted(set(seeds) - set(measured))
    if not missing:
        return goal
    if len(missing) == len(seeds):
        return Goal(goal.what, goal.goal, NOT_MEASURED, 0, False)
    lacking = f"{goal.value}; {NOT_MEASURED}: seed {', '.join(map(str, missing))}"
    return Goal(goal.what, goal.goal, lacking, goal.n, False)


def _of_digits(of: Mapping[str, Sequence[Json]]) -> Iterator[tuple[Goal, str]]:
    """Each goal, and the rows that it is of."""
    clean = of.get(CLEAN_5, ())
    yield from _planted("dirty-label 2x2, 5 %", of.get(DIRTY_5, ()))
    name = "clean-label 5 %, perturbed"
    yield _least(f"{name}: trigger brings the target", 0.90, clean, _share("backdoor", "success")), CLEAN_5
    yield _kept(f"{name}: clean accuracy over the clean model's", clean), CLEAN_5
    yield _told("clean-label 5 %, without perturbation (control)", of.get(CONTROL, ())), CONTROL
    for what in (DIRTY_1, DIRTY_5, CLEAN_5):
        yield from ((goal, what) for goal in _found(what, of.get(what, ())))
    yield from _quiet(of)
    for what in (DIRTY_1, DIRTY_5, CLEAN_5):
        yield from _repaired(what, of.get(what, ()))
    for what in (DIRTY_1, DIRTY_5, CLEAN_5):
        yield from ((goal, what) for goal in _strip(what, of.get(what, ())))
    yield from ((goal, UNPOISONED) for goal in _strip_unpoisoned(of))
    for ratio in _F1:
        yield from ((goal, flips(ratio)) for goal in _flips(ratio, of.get(flips(ratio), ())))
    yield _half(of.get(flips(HALF), ())), flips(HALF)


def _of_scans(of: Mapping[str, Sequence[Json]]) -> Iterator[tuple[Goal, str]]:
    """The same tables, of the two poisonings that scans are measured with."""
    dirty = of.get(DIRTY_5, ())
    yield from _planted("dirty-label 3x3, 5 %", dirty)
    yield from ((goal, DIRTY_5) for goal in _found(DIRTY_5, dirty))
    yield from _quiet(of)
    yield from _repaired(DIRTY_5, dirty)
    yield from ((goal, DIRTY_5) for goal in _strip(DIRTY_5, dirty))
    yield from ((goal, UNPOISONED) for goal in _strip_unpoisoned(of))
    yield from ((goal, flips(0.2)) for goal in _flips(0.2, of.get(flips(0.2), ())))


def _planted(what: str, dirty: Sequence[Json]) -> Iterator[tuple[Goal, str]]:
    """What a dirty-label trigger does."""
    yield _least(f"{what}: trigger brings the target", 0.99, dirty, _share("backdoor", "success")), DIRTY_5
    yield _lost(f"{what}: clean accuracy under the clean model's", dirty, "backdoor"), DIRTY_5
    most = _share("clean_model", "success")
    yield _most(f"{what}: the clean model called the same images the target", 0.01, dirty, most), DIRTY_5


def _repaired(what: str, some: Sequence[Json]) -> Iterator[tuple[Goal, str]]:
    yield _most(f"{what}, repaired: trigger brings the target", 0.02, some, _share("repaired", "success")), what
    yield _lost(f"{what}, repaired: clean accuracy under the clean model's", some, "repaired"), what


def _quiet(of: Mapping[str, Sequence[Json]]) -> Iterator[tuple[Goal, str]]:
    """What the default finder flags where there is no poison, with 500 trusted images and with 20 a class."""
    for name, what in (("unpoisoned data", UNPOISONED), ("unpoisoned data, 20 trusted a class", UNPOISONED_FEW)):
        yield _most(f"{name}: flagged", 0.01, of.get(what, ()), lambda row: row["finders"][Fused.NAME]), what


def _found(what: str, some: Sequence[Json]) -> Iterator[Goal]:
    """What the default finder finds, and whether it is ahead of ART's."""
    yield _least(f"{what}: poisoned images found", 0.95, some, lambda row: row["finders"][Fused.NAME]["found"])
    yield _most(f"{what}: other images flagged", 0.01, some, lambda row: row["finders"][Fused.NAME]["false"])
    name, goal = f"{what}: found less falsely flagged, over the best of ART's three", "more, every seed"
    measured = [row for row in some if AC in row["finders"]]
    if not measured:
        yield Goal(name, goal, NOT_MEASURED, 0, False)
        return
    ours = [_informed(row["finders"][Fused.NAME]) for row in measured]
    theirs = [max((_informed(row["finders"][peer]), peer) for peer in (AC, SS, SS_TOLD)) for row in measured]
    ahead = all(one > other for one, (other, _) in zip(ours, theirs, strict=True))
    words = f"{np.mean(ours):.3f} over {np.mean([value for value, _ in theirs]):.3f} ({theirs[0][1]})"
    yield Goal(name, goal, words, len(measured), ahead and len(measured) == len(some))


def _informed(counted: Json) -> float:
    """Youden's index: 0 for who flags by chance, 1 for who finds all and nothing else."""
    return float((counted["found"]["value"] or 0) - (counted["false"]["value"] or 0))


def _strip(what: str, some: Sequence[Json]) -> Iterator[Goal]:
    """STRIP at the gate's default, and as published beside it."""
    for by in WAYS:
        name, rows = f"STRIP by {by}, {what}", [row["strip"][by] for row in some]
        yield _least(f"{name}: found of the images that bring the target", 0.95, rows, lambda row: row["found"])
        # The threshold promises 1 %; what comes true on other images differs by chance.
        yield _clean_held(name, rows)
        slowest = max((row["ms_an_image"] for row in rows), default=0.0)
        yield Goal(
            f"{name}: an image, processor time",
            "at most 100 ms",
            f"{slowest:.1f} ms",
            len(rows),
            bool(rows) and slowest <= 100,
        )


def _strip_unpoisoned(of: Mapping[str, Sequence[Json]]) -> Iterator[Goal]:
    """What STRIP holds with a classifier that nobody poisoned."""
    for by in WAYS:
        yield _clean_held(f"STRIP by {by}, unpoisoned", [row["strip"][by] for row in of.get(UNPOISONED, ())])


def _clean_held(name: str, rows: Sequence[Json]) -> Goal:
    return _most(f"{name}: clean images rejected, threshold of 1 %", 0.01, rows, lambda row: row["false_rejects"])


def _flips(ratio: float, some: Sequence[Json]) -> Iterator[Goal]:
    what, n = f"flips of {ratio:.0%} found: F1", sum(row["finders"][Fused.NAME]["found"]["n"] for row in some)
    ours, alone = ([row["finders"][name]["f1"] for row in some] for name in (Fused.NAME, ConfidentLabels.NAME))
    if not some:
        yield Goal(what, f"at least {_F1[ratio]:g}", NOT_MEASURED, 0, False)
        return
    yield Goal(what, f"at least {_F1[ratio]:g}", over_seeds(ours, ".3f"), n, float(np.mean(ours)) >= _F1[ratio])
    words = f"{np.mean(ours):.3f} and {np.mean(alone):.3f}"
    yield Goal(
        f"the same beside cleanlab alone, {ratio:.0%}",
        "at most 0.05 under it",
        words,
        n,
        float(np.mean(alone) - np.mean(ours)) <= 0.05,
    )


def _half(some: Sequence[Json]) -> Goal:
    what = "flips of 50 %, 20 trusted a class, relabelled: recall of the source under the clean model's"
    goal = "at most 1 point, mean"
    if not some:
        return Goal(what, goal, NOT_MEASURED, 0, False)
    lost = [_POINTS * (row["clean_recall"] - row["repaired"]["recall"]) for row in some]
    poisoned = np.mean([row["recall"] for row in some])
    words = f"{over_seeds(lost, '.2f')} points; poisoned recall {poisoned:.1%}"
    return Goal(what, goal, words, len(some), float(np.mean(lost)) <= 1)


def _least(what: str, least: float, some: Sequence[Json], of: Callable[[Json], Json]) -> Goal:
    values, n = _values(some, of)
    met = _complete(values, some) and float(np.mean(values)) >= least
    return Goal(what, f"at least {least:.0%}, mean", _share_words(values), n, met)


def _most(what: str, most: float, some: Sequence[Json], of: Callable[[Json], Json]) -> Goal:
    values, n = _values(some, of)
    met = _complete(values, some) and float(np.mean(values)) <= most
    return Goal(what, f"at most {most:.0%}, mean", _share_words(values), n, met)


def _lost(what: str, some: Sequence[Json], model: str) -> Goal:
    lost = [_POINTS * (row["clean_model"]["accuracy"]["value"] - row[model]["accuracy"]["value"]) for row in some]
    n = sum(row[model]["accuracy"]["n"] for row in some)
    words = f"{over_seeds(lost, '.2f')} points" if lost else NOT_MEASURED
    # Shares of whole images: what is exactly at the bound must not miss it by a rounding.
    return Goal(what, "at most 0.3 points, mean", words, n, bool(lost) and float(np.mean(lost)) <= 0.3 + _ROUNDING)


def _kept(what: str, some: Sequence[Json]) -> Goal:
    kept = [row["backdoor"]["accuracy"]["value"] / row["clean_model"]["accuracy"]["value"] for row in some]
    n = sum(row["backdoor"]["accuracy"]["n"] for row in some)
    return Goal(what, "at least 98 %, mean", _share_words(kept), n, bool(kept) and float(np.mean(kept)) >= 0.98)


def _told(what: str, some: Sequence[Json]) -> Goal:
    values, n = _values(some, _share("backdoor", "success"))
    return Goal(f"{what}: trigger brings the target", "told beside", _share_words(values), n, bool(values))


def _share(model: str, figure: str) -> Callable[[Json], Json]:
    def of(row: Json) -> Json:
        found: Json = row[model][figure]
        return found

    return of


def _values(some: Sequence[Json], of: Callable[[Json], Json]) -> tuple[list[float], int]:
    told = [of(row) for row in some]
    return [one["value"] for one in told if one["value"] is not None], sum(one["n"] for one in told)


def _complete(values: Sequence[float], some: Sequence[Json]) -> bool:
    """Whether every seed saw something: of a share of no image nothing is met."""
    return 0 < len(values) == len(some)


def _share_words(values: Sequence[float]) -> str:
    return over_seeds(values, ".2%") if values else NOT_MEASURED
