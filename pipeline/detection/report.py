"""The report on a detector: JSON for programs, a table for people."""

import math
from dataclasses import asdict, dataclass, field

from datasets.adversarial_store import WHOLE_IMAGE
from pipeline.detection.drawn_rows import Drawn, Sources
from pipeline.detection.naming_figures import CALLED, NOT_NAMED, NamingFigures, naming_words
from pipeline.detection.protocol_rows import Beside, Coverage, HandedOut, StrictRate
from pipeline.detection.protocol_tables import beside_tables, coverage_words, promise_words, strict_words
from pipeline.detection.statistics import NOTHING, Interval, ranged, share_of


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
        failed_flagged: share of the failed ones that is flagged; `failed_auroc` theirs against the clean scans.
        type_right: share whose likeliest type is right and that is not called unknown; `family_right` the family.
            None where the head has no name for the attack.
        region: where the attack was free to change pixels.
        found_strict: share flagged at the strictest rate; `found_loose` at 5 %, nothing where n does not support that.
        handed_out: share of the attacked that is classified wrong and not flagged.
        named: how many successful attacks are called by each type, given an attack, and how many unknown.
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
    region: str
    found_strict: Interval
    handed_out: Interval
    named: dict[str, int]
    found_loose: Interval = NOTHING
    failed_auroc: Interval = NOTHING


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
    successful attacks were called, `naming` says how good that is. `beside` is what the figures must be read
    beside, `drawn` what pictures are drawn from, `sources` what was judged; a report that was made in haste has
    none of the three.
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
    strict: StrictRate
    coverage: Coverage
    handed_out: HandedOut
    naming: NamingFigures = NOT_NAMED
    beside: Beside = field(default_factory=Beside)
    drawn: Drawn | None = None
    sources: Sources | None = None

    def to_json(self) -> dict[str, object]:
        """The report as JSON values; a figure that nothing was seen of is None."""
        values = asdict(self)
        for row in values["controls"]:
            row["auroc_attacked"] = _number(row["auroc_attacked"])
        return values

    def to_markdown(self) -> str:
        """The report as tables."""
        elsewhere = self.sources.calibrated_on if self.sources else ""
        promised = promise_words(self.n_calibration, self.band, self.flagged_range, self.n_clean, elsewhere)
        by_class = ", ".join(f"{name} {share_of(alarms)}" for name, alarms in self.clean_alarms_by_class.items())
        lines = [
            f"Clean scans flagged at alpha = {self.alpha:g}: {share_of(self.clean_alarms)}, n = {self.n_clean}. "
            f"{promised} By class: {by_class}. Null attack: AUROC {self.null_attack:.3f}.",
            "",
            coverage_words(self.coverage, self.handed_out),
            "",
            f"Found is the share of successful attacks that is flagged at that threshold: the true-positive rate at a "
            f"stated {self.alpha:.0%} of false alarms. {strict_words(self.strict, self.n_calibration)} n counts "
            "attacks that fool the classifier on the file; type and family are named rightly for this share of them. "
            "Handed out is the share of attacked scans that is classified wrong and not flagged. In brackets 95 % "
            "intervals.",
            "",
            f"| attack | eps | n | failed | AUROC | found | at {self.strict.rate:.2%} | at 5 % | handed out | "
            "failed, AUROC | failed, flagged | type | family |",
            "|---" * 13 + "|",
        ]
        lines += [self._line(cell) for cell in self.cells]
        lines += ["", "| harmless change | n | flagged | AUROC of attacks against it |", "|---|---|---|---|"]
        lines += [
            f"| {row.name} | {row.n} | {share_of(row.flagged)} | {row.auroc_attacked:.4f} |" for row in self.controls
        ]
        lines += ["", naming_words(self.naming), ""]
        lines += [f"| attack | {' | '.join(f'called {name}' for name in CALLED)} |", "|---" * (1 + len(CALLED)) + "|"]
        lines += [
            f"| {attack} | {' | '.join(str(row[name]) for name in CALLED)} |" for attack, row in self.confusion.items()
        ]
        return "\n".join([*lines, *beside_tables(self.beside)]) + "\n"

    def _line(self, cell: Cell) -> str:
        name = cell.attack if cell.region == WHOLE_IMAGE else f"{cell.attack}, {cell.region}"
        eps = f"{255 * cell.eps:g}/255" if cell.eps > 0 else "-"
        return (
            f"| {name} | {eps} | {cell.n} | {cell.n_failed} | {ranged(cell.auroc)} | {share_of(cell.found)} | "
            f"{share_of(cell.found_strict)} | {share_of(cell.found_loose)} | {share_of(cell.handed_out)} | "
            f"{ranged(cell.failed_auroc)} | {share_of(cell.failed_flagged)} | {_percent(cell.type_right)} | "
            f"{_percent(cell.family_right)} |"
        )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
