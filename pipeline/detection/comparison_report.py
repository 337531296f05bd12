"""The report on several ways of detecting: JSON for programs, tables for people."""

import math
from dataclasses import asdict, dataclass

from pipeline.detection.report import ControlRow
from pipeline.detection.statistics import Interval


@dataclass(frozen=True)
class ComparedCell:
    """One attack at one eps under one method; `n` attacks that succeeded on the file.

    Attributes:
        auroc: against the clean scans of the split, over groups.
        found: share flagged at the method's own threshold.
    """

    attack: str
    eps: float
    n: int
    auroc: Interval
    found: Interval


@dataclass(frozen=True)
class MethodReport:
    """How one method does; `ms` is what it adds to the classifier's pass over one scan."""

    name: str
    source: str
    ms: float
    clean_alarms: Interval
    cells: tuple[ComparedCell, ...]
    controls: tuple[ControlRow, ...]


@dataclass(frozen=True)
class Comparison:
    """Several methods on the same scans, each at the threshold that its clean calibration scores give for `alpha`.

    `learned_from` counts the scans of the detector split by kind; `shown_ms` is the classifier's pass with its
    stages pooled, which all methods share, `classifier_ms` the pass without.
    """

    detector_ids: tuple[str, ...]
    adversarial_id: str
    classifier_id: str
    split: str
    alpha: float
    learned_from: dict[str, int]
    n_calibration: int
    flagged_range: tuple[float, float]
    n_clean: int
    size: tuple[int, int]
    classifier_ms: float
    shown_ms: float
    methods: tuple[MethodReport, ...]

    def to_json(self) -> dict[str, object]:
        """The report as JSON values; a figure that nothing was seen of is None."""
        values = asdict(self)
        for method in values["methods"]:
            for row in method["controls"]:
                row["auroc_attacked"] = None if math.isnan(row["auroc_attacked"]) else row["auroc_attacked"]
        return values

    def to_markdown(self) -> str:
        """The report as tables, one column a method."""
        numbered = [f"{k}. {method.name}" for k, method in enumerate(self.methods, 1)]
        parts = [self._methods(numbered), self._cells(numbered, "auroc"), self._cells(numbered, "found")]
        return "\n\n".join(["\n".join(self._words()), *parts, self._false_alarms(numbered)]) + "\n"

    def _words(self) -> list[str]:
        learned = ", ".join(f"{n} {kind}" for kind, n in self.learned_from.items())
        low, high = self.flagged_range
        return [
            f"All learned from the same {learned} scans; trained networks are taken as they are. Thresholds at "
            f"alpha = {self.alpha:g} come from {self.n_calibration} clean calibration scans, which let expect between "
            f"{low:.2%} and {high:.2%} of {self.n_clean} clean scans flagged.",
            "",
            f"Milliseconds are medians of what one thread spends on one {self.size[0]}x{self.size[1]} scan, not "
            f"compiled, beside the classifier's own {self.classifier_ms:.1f} ms ({self.shown_ms:.1f} ms with its "
            "stages pooled, which all methods share).",
        ]

    def _methods(self, numbered: list[str]) -> str:
        rows = [
            [name, method.source, f"{method.ms:.1f}", f"{method.ms / self.classifier_ms:.2f}"]
            for name, method in zip(numbered, self.methods, strict=True)
        ]
        return _table(["detector", "after", "ms more", "of the classifier's"], rows)

    def _cells(self, numbered: list[str], figure: str) -> str:
        title = {"auroc": "AUROC against clean scans", "found": f"found at alpha = {self.alpha:g}"}[figure]
        rows = []
        for place, cell in enumerate(self.methods[0].cells):
            eps = f"{255 * cell.eps:g}/255" if cell.eps > 0 else "-"
            figures = [getattr(method.cells[place], figure).value for method in self.methods]
            rows.append([cell.attack, eps, str(cell.n), *(_shown(value, figure) for value in figures)])
        return _table([title, "eps", "n", *numbered], rows)

    def _false_alarms(self, numbered: list[str]) -> str:
        clean = ["as imported", str(self.n_clean), *(_shown(one.clean_alarms.value, "found") for one in self.methods)]
        rows = [clean]
        for place, control in enumerate(self.methods[0].controls):
            figures = [method.controls[place].flagged.value for method in self.methods]
            rows.append([control.name, str(control.n), *(_shown(value, "found") for value in figures)])
        return _table(["clean scans flagged", "n", *numbered], rows)


def _shown(value: float | None, figure: str) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if figure == "auroc" else f"{value:.1%}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
