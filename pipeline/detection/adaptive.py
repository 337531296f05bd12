"""What a gate withstands of those who know it: accepted and wrong, best of all attacks, and what passing costs."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from detector.conformal import threshold
from pipeline.attacks.adaptive.guides import Guides, taken
from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS
from pipeline.attacks.adaptive.run import GateAt
from pipeline.attacks.adaptive.view import GateView
from pipeline.detection.adaptive_plan import UNAWARE, AdaptivePlan
from pipeline.detection.adaptive_report import AdaptiveReport, AttackCell, BestRow, Price
from pipeline.detection.adaptive_scans import Notes, Scans, spread_evenly
from pipeline.detection.adaptive_tries import Found, Tries
from pipeline.detection.evidence import clean_scans
from pipeline.detection.files import Detector, load_detector
from pipeline.detection.network import GateNetwork, pixel_batches
from pipeline.detection.rates import checked_alpha
from pipeline.detection.statistics import Interval, rate
from pipeline.errors import BadDetector
from pipeline.models.files import Classifier, load_model

Known = tuple[Detector, Classifier]
"""A detector with the classifier that it belongs to."""


def evaluate_adaptive(
    known: Known,
    dataset: Dataset,
    plan: AdaptivePlan,
    *,
    work: Path,
    surrogate: Known | None = None,
    split: str = "test",
    alpha: float | None = None,
    progress: Progress = ignore,
) -> AdaptiveReport:
    """Attack the gate of a detector with scans of a split.

    The gate accepts at the threshold that the clean calibration scans give for `alpha`: 1 %, or the smallest rate that
    they support, where it is not given. A gate whose upper band is `uncertain` hands out no class there either: judge
    it at its `alpha_uncertain`. `surrogate` is a second detector, for the attack that has no access to the first. What
    is done is kept in `work`, by which a run that was stopped goes on; `progress` may raise to cancel.

    Raises:
        BadDetector: a detector belongs to another classifier, or the split has no scan that the classifier has right.
        NotEnoughClean: the calibration scans cannot support `alpha`.
        BadAttack: an attack cannot be carried out on these scans.
    """
    alpha = checked_alpha(len(known[0].calibration), alpha)
    tries = _tries(known, surrogate, alpha, Scans(dataset, spread_evenly(dataset.indices(split), plan.n)), work, plan)
    search = _Search(replace(tries, progress=progress), *_right(tries.before(), split))
    search.run()
    return AdaptiveReport(
        detector_id=known[0].id,
        classifier_id=known[1].id,
        surrogate_id=surrogate[0].id if surrogate else None,
        dataset_id=dataset.id,
        dataset_sha256=dataset.levels_sha256,
        detector_sha256=known[0].weights_sha256,
        classifier_sha256=known[1].weights_sha256,
        split=split,
        alpha=alpha,
        tau=tries.gate.tau,
        n_scans=len(tries.scans.items),
        n_right=len(search.right),
        n_right_accepted=search.n_accepted,
        plan=plan.to_json(),
        rows=tuple(search.rows),
        cells=tuple(search.cells),
        price=search.price(),
        left_out=search.left_out,
    )


@dataclass
class _Search:
    """The smallest radii of each scan, as far as they are known."""

    tries: Tries
    right: list[int]
    n_accepted: int  # of these, as they are
    alone: dict[int, float] = field(default_factory=dict)  # that fools the classifier
    passed: dict[int, float] = field(default_factory=dict)  # that passes the gate and fools
    cells: list[AttackCell] = field(default_factory=list)
    rows: list[BestRow] = field(default_factory=list)

    @property
    def grid(self) -> tuple[float, ...]:
        """Every radius that is tried, upwards."""
        plan = self.tries.plan
        return tuple(sorted({*plan.grid, *plan.radii}))

    @property
    def left_out(self) -> dict[str, str]:
        """Attacks of the plan that cannot be tried."""
        plan, tries = self.tries.plan, self.tries
        reasons = {}
        for name in plan.attacks:
            if ADAPTIVE_ATTACKS[name].ON_SURROGATE and tries.surrogate is None:
                reasons[name] = "since no second detector was given"
            elif ADAPTIVE_ATTACKS[name].NEEDS_GUIDES and tries.guides is None:
                reasons[name] = "since the data set has no clean scans to take features from"
        return reasons

    def run(self) -> None:
        """The classifier alone first, since who passes the gate fools it; from the largest radius down.

        Whoever holds at a radius is not tried at a smaller one: a success costs a few steps, a failure all of them.
        """
        plan, fooled = self.tries.plan, self.right
        for level in reversed(self.grid):
            found = self.tries.alone(level, fooled)
            fooled = [item for item in fooled if found[str(item)]["wrong"]]
            self.alone.update(dict.fromkeys(fooled, level))
        radii = sorted(plan.radii, reverse=True)
        unaware = {level: self._unaware(level) for level in radii}
        for level in radii:
            for name in plan.attacks:
                if name not in self.left_out:
                    self._try(name, level)
        for level in self.grid:
            self._narrow(level)
        self.cells.sort(key=lambda cell: cell.level)
        self.rows = [self._row(level, unaware[level]) for level in sorted(radii)]

    def price(self) -> Price:
        """What passing costs."""
        alone, passed = (tuple(of.get(item) for item in self.right) for of in (self.alone, self.passed))
        return Price(self.grid, alone, passed)

    def _unaware(self, level: float) -> set[str]:
        """The scans that pass by an attack that knows the classifier alone."""
        found = [self.tries.unaware(name, level, self.right) for name in UNAWARE]
        for name, rows in zip(UNAWARE, found, strict=True):
            self.cells.append(_cell(f"{name}, ignoring the gate", level, len(self.right), rows))
            self._learn(level, rows)
        return {item for rows in found for item, row in rows.items() if row["passed"]}

    def _try(self, name: str, level: float) -> None:
        rows = self.tries.adaptive(name, level, self._worth_trying(level))
        self.cells.append(_cell(name, level, len(self.right), rows))
        self._learn(level, rows)

    def _narrow(self, level: float) -> None:
        """Look at a radius between those where all attacks were tried, for scans that are not known to pass there."""
        if level in self.tries.plan.radii:
            return
        for name in self.tries.plan.for_price:
            still = [item for item in self._worth_trying(level) if self.passed.get(item, np.inf) > level]
            self._learn(level, self.tries.adaptive(name, level, still))

    def _worth_trying(self, level: float) -> list[int]:
        if not self.tries.plan.only_fooled:
            return self.right
        return [item for item in self.right if self.alone.get(item, np.inf) <= level]

    def _learn(self, level: float, rows: Found) -> None:
        for item, row in rows.items():
            for known, hit in ((self.alone, row["wrong"]), (self.passed, row["passed"])):
                if hit:
                    known[int(item)] = min(level, known.get(int(item), level))

    def _row(self, level: float, unaware: set[str]) -> BestRow:
        def within(known: dict[int, float]) -> Interval:
            return rate(sum(radius <= level for radius in known.values()), len(self.right))

        n = len(self.right)
        return BestRow(level, n, within(self.alone), rate(len(unaware), n), within(self.passed))


def _cell(attack: str, level: float, n: int, rows: Found) -> AttackCell:
    won = [row["steps"] for row in rows.values() if row["passed"] and "steps" in row]
    late = [row["late_rise"] for row in rows.values() if not row["passed"] and row.get("late_rise") is not None]
    return AttackCell(
        attack=attack,
        level=level,
        n=n,
        n_tried=len(rows),
        passed=rate(sum(bool(row["passed"]) for row in rows.values()), n),
        wrong=rate(sum(bool(row["wrong"]) for row in rows.values()), n),
        median_steps=statistics.median(won) if won else None,
        late_rise=statistics.median(late) if late else None,
        curves={item: row["curve"] for item, row in rows.items() if "curve" in row},
    )


def _tries(known: Known, surrogate: Known | None, alpha: float, scans: Scans, work: Path, plan: AdaptivePlan) -> Tries:
    gate = _gate(known, alpha)
    of = (known[0].id, known[1].id, scans.dataset.id, f"{gate.tau:.9g}", surrogate[0].id if surrogate else "")
    return Tries(
        gate=gate,
        surrogate=None if surrogate is None else _gate(surrogate, alpha),
        guides=_guides(gate, scans.dataset, plan),
        scans=scans,
        notes=Notes(work, of),
        plan=plan,
        progress=ignore,
    )


def _right(before: Found, split: str) -> tuple[list[int], int]:
    """The scans that the classifier has right, and how many of them the gate accepts."""
    right = [int(item) for item, row in before.items() if row["right"]]
    if not right:
        raise BadDetector(f"none of {len(before)} scans of the split {split!r} is classified right; give other scans")
    return right, sum(bool(before[str(item)]["accepted"]) for item in right)


def _gate(known: Known, alpha: float) -> GateAt:
    detector, classifier = known
    if detector.classifier_id != classifier.id:
        raise BadDetector(
            f"{detector.name} belongs to classifier {detector.classifier_id}, {classifier.id} was given; give its own"
        )
    return GateAt(GateNetwork(load_model(classifier), load_detector(detector)), threshold(detector.calibration, alpha))


def _guides(gate: GateAt, dataset: Dataset, plan: AdaptivePlan) -> Guides | None:
    """Clean scans that an attacker may have: those of the splits `train` and `calibration`."""
    if not any(ADAPTIVE_ATTACKS[name].NEEDS_GUIDES for name in (*plan.attacks, *plan.for_price)):
        return None
    items: Sequence[int] = spread_evenly(dataset.indices("train", "calibration"), plan.guides)
    if not items:
        return None
    x = torch.cat(list(pixel_batches(clean_scans(dataset, np.array(items)), gate.network.model.spec)))
    labels = torch.from_numpy(dataset.labels[list(items)].astype(np.int64))
    return taken(GateView(gate.network, gate.tau), x, labels)
