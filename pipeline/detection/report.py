"""The report on a detector: JSON for programs, a table for people."""

import math
from dataclasses import asdict, dataclass

from detector.types import TYPES
from pipeline.detection.statistics import Interval


@dataclass(frozen=True)
class Cell:
    """One attack at one eps.

    Attributes:
        attack: registered name; `eps` in pixel fractions, 0 for an attack without one.
        n: attacks that succeeded on the file; all figures but `failed_flagged` are of these.
        n_failed: attacked and still rightly classified; `n_unchanged` not a level moved;
            `n_clean_wrong` never attacked, since the classifier had the scan wrong.
        auroc: against the clean scans of the split, over groups.
        found: share flagged at the threshold.
        failed_flagged: share of the failed ones that is flagged.
        type_right: share called by the right type, given an attack; `family_right` by the right family.
            None where the head has no name for the attack.
    """

    attack: str
    eps: float
    n: int
    n_failed: int
    n_unchanged: int
    n_clean_wrong: int
    auroc: Interval
    found: Interval
    failed_flagged: Interval
    type_right: float | None
    family_right: float | None


@dataclass(frozen=True)
class ControlRow:
    """One harmless change: its false alarms, and the AUROC of all successful attacks against it."""

    name: str
    n: int
    flagged: Interval
    auroc_attacked: float


@dataclass(frozen=True)
class DetectorReport:
    """How a detector does on one split at one false-alarm rate.

    `null_attack` is the AUROC of clean scans that went the way of attacked ones without an attack: 0.5
    where no trace of the way itself is learned. `band` is where the rate lies that the calibration leads
    to, `flagged_range` where the share of just `n_clean` scans lies. `confusion` counts, by attack, what
    successful attacks were called.
    """

    detector_id: str
    adversarial_id: str
    split: str
    alpha: float
    n_calibration: int
    band: tuple[float, float]
    flagged_range: tuple[float, float]
    n_clean: int
    clean_alarms: Interval
    clean_alarms_by_class: dict[str, Interval]
    null_attack: float
    cells: tuple[Cell, ...]
    controls: tuple[ControlRow, ...]
    confusion: dict[str, dict[str, int]]

    def to_json(self) -> dict[str, object]:
        """The report as JSON values; a figure that nothing was seen of is None."""
        values = asdict(self)
        for row in values["controls"]:
            row["auroc_attacked"] = _number(row["auroc_attacked"])
        return values

    def to_markdown(self) -> str:
        """The report as tables."""
        low, high = self.band
        fewest, most = self.flagged_range
        by_class = ", ".join(f"{name} {_share(alarms)}" for name, alarms in self.clean_alarms_by_class.items())
        lines = [
            f"Clean scans flagged at alpha = {self.alpha:g}: {_share(self.clean_alarms)}, n = {self.n_clean}. The "
            f"calibration on {self.n_calibration} scans promises a rate of {low:.2%} to {high:.2%}, and so between "
            f"{fewest:.2%} and {most:.2%} of {self.n_clean} scans. By class: {by_class}. "
            f"Null attack: AUROC {self.null_attack:.3f}.",
            "",
            f"Found is the share of successful attacks that is flagged at that threshold: the true-positive rate at a "
            f"stated {self.alpha:.0%} of false alarms. n counts attacks that fool the classifier on the file; type and "
            "family are named rightly for this share of them. In brackets 95 % intervals.",
            "",
            "| attack | eps | n | failed | AUROC | found | failed, flagged | type | family |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for cell in self.cells:
            eps = f"{255 * cell.eps:g}/255" if cell.eps > 0 else "-"
            lines.append(
                f"| {cell.attack} | {eps} | {cell.n} | {cell.n_failed} | {_ranged(cell.auroc)} | "
                f"{_share(cell.found)} | {_share(cell.failed_flagged)} | "
                f"{_percent(cell.type_right)} | {_percent(cell.family_right)} |"
            )
        lines += ["", "| harmless change | n | flagged | AUROC of attacks against it |", "|---|---|---|---|"]
        lines += [
            f"| {row.name} | {row.n} | {_share(row.flagged)} | {row.auroc_attacked:.4f} |" for row in self.controls
        ]
        lines += ["", f"| attack | {' | '.join(f'called {name}' for name in TYPES[1:])} |", "|---" * len(TYPES) + "|"]
        lines += [
            f"| {attack} | {' | '.join(str(row[name]) for name in TYPES[1:])} |"
            for attack, row in self.confusion.items()
        ]
        return "\n".join(lines) + "\n"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _ranged(interval: Interval) -> str:
    if interval.value is None:
        return "-"
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f})"


def _share(interval: Interval) -> str:
    if interval.value is None:
        return "-"
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
