"""The report on a gate under adaptive attacks: JSON for programs, tables for people."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pipeline.detection.statistics import Interval


@dataclass(frozen=True)
class AttackCell:
    """One attack at one radius.

    Attributes:
        attack: its name; `level` its radius in 1/255.
        n: scans that the classifier had right.
        n_tried: those that were attacked; the others count as not passed, see `AdaptivePlan.only_fooled`.
        passed: share of the n whose file is accepted and wrong.
        wrong: share of the n whose file is wrong, accepted or not.
        median_steps: over the scans that passed.
        late_rise: median, over the tried scans that did not pass, of what the best worth gained in the last tenth of
            the steps, in logits; small where more steps would not help.
        curves: by item, the best worth so far at even places along all steps of all restarts.
    """

    attack: str
    level: float
    n: int
    n_tried: int
    passed: Interval
    wrong: Interval
    median_steps: float | None
    late_rise: float | None
    curves: Mapping[str, list[float]]


@dataclass(frozen=True)
class BestRow:
    """All attacks at one radius, the worst case of each scan.

    Attributes:
        level: the radius in 1/255.
        n: scans that the classifier had right.
        undefended: share that is wrong at all.
        unaware: share accepted and wrong under attacks that know the classifier alone.
        best: share accepted and wrong under the best attack of each scan, within the radius.
    """

    level: float
    n: int
    undefended: Interval
    unaware: Interval
    best: Interval


@dataclass(frozen=True)
class Price:
    """What passing the gate costs, in radii of 1/255; None is a radius beyond the grid.

    Attributes:
        grid: the radii that were tried.
        classifier: of each scan, the smallest radius that fools the classifier alone.
        gate: of each scan, the smallest radius that passes the gate and fools.
    """

    grid: tuple[float, ...]
    classifier: tuple[float | None, ...]
    gate: tuple[float | None, ...]

    @property
    def medians(self) -> tuple[float | None, float | None]:
        """Of the classifier alone, and of the gate."""
        return _median(self.classifier), _median(self.gate)

    @property
    def factor(self) -> float | None:
        """How many times the radius the gate costs; None where a median lies beyond the grid."""
        alone, gate = self.medians
        return None if alone is None or gate is None else gate / alone

    @property
    def said(self) -> str:
        """The price in words."""
        alone, gate = self.medians
        if alone is None:
            return f"the classifier alone holds beyond {self.grid[-1]:g}/255 on half of the scans; no price"
        if gate is None:
            return f"more than {self.grid[-1] / alone:.2g} times: beyond {self.grid[-1]:g}/255, over {alone:g}/255"
        words = f"{gate / alone:.2g} times: {gate:g}/255, over {alone:g}/255 for the classifier alone"
        held = max((radius for radius in self.grid if radius < gate), default=None)
        if held is None:
            return words
        # Half of the scans are known to hold there; where between the two they give way nobody looked.
        return f"{words}; surely more than {held / alone:.2g} times, {held:g}/255 being the radius tried before"


@dataclass(frozen=True)
class AdaptiveReport:
    """How a gate does against those who know it.

    `tau` is the score up to which it accepts, from clean scans at the rate `alpha`. `left_out` says which attacks were
    not tried, and why. The hashes are of the levels of the scans and of the weights.
    """

    detector_id: str
    classifier_id: str
    surrogate_id: str | None
    dataset_id: str
    dataset_sha256: str
    detector_sha256: str
    classifier_sha256: str
    split: str
    alpha: float
    tau: float
    n_scans: int
    n_right: int
    n_right_accepted: int
    plan: Mapping[str, object]
    rows: tuple[BestRow, ...]
    cells: tuple[AttackCell, ...]
    price: Price
    left_out: Mapping[str, str]

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        alone, gate = self.price.medians
        price = {"median_classifier": alone, "median_gate": gate, "factor": self.price.factor, "said": self.price.said}
        values = asdict(self)
        values["price"] = {**values["price"], **price}
        return values

    def to_markdown(self) -> str:
        """The report as tables."""
        lines = [
            f"{self.n_scans} scans of the split `{self.split}`; the classifier has {self.n_right} right, of which the "
            f"gate accepts {self.n_right_accepted} as they are. It accepts scores up to {self.tau:.3g}, set on clean "
            f"scans at alpha = {self.alpha:g}. A scan counts where its file, written and decoded again, is accepted "
            "and classified wrong. In brackets 95 % intervals.",
            "",
            "| eps | n | undefended: wrong at all | attacks that ignore the gate | adaptive, best of all attacks |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {row.level:g}/255 | {row.n} | {_share(row.undefended)} | {_share(row.unaware)} | {_share(row.best)} |"
            for row in self.rows
        ]
        lines += [
            "",
            f"Price, as medians of the smallest radius that passes and fools: {self.price.said}.",
            "",
            "| attack | eps | tried | accepted and wrong | wrong | median steps | late rise |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {cell.attack} | {cell.level:g}/255 | {cell.n_tried} | {_share(cell.passed)} | {_share(cell.wrong)} | "
            f"{_number(cell.median_steps, '.0f')} | {_number(cell.late_rise, '.3f')} |"
            for cell in self.cells
        ]
        lines += [f"\nNot tried: {name}, {why}." for name, why in self.left_out.items()]
        return "\n".join(lines) + "\n"


def _median(radii: tuple[float | None, ...]) -> float | None:
    """The upper median, so that it is a radius that was tried; None where it lies beyond the grid."""
    ordered = sorted(math.inf if radius is None else radius for radius in radii)
    if not ordered:
        return None
    middle = ordered[len(ordered) // 2]
    return None if middle == math.inf else middle


def _share(interval: Interval) -> str:
    if interval.value is None:
        return "-"
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
