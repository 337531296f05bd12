"""Fitted methods on one split: attacked, clean and harmlessly changed scans, each looked at once for all methods."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from datasets.adversarial_store import AdversarialRows
from datasets.progress import Progress
from datasets.store import Dataset
from detector.interface import Method
from pipeline.detection.comparison_report import ComparedCell, MethodReport
from pipeline.detection.controls import STANDARD_CONTROLS
from pipeline.detection.cost import Cost
from pipeline.detection.evidence import clean_scans
from pipeline.detection.network import Scan
from pipeline.detection.report import ControlRow
from pipeline.detection.seen import measure_scans
from pipeline.detection.statistics import auroc, auroc_interval, rate
from pipeline.models.adapter import PixelModel

Scores = dict[str, np.ndarray]
"""Scores (N,) of the same scans, by method."""


@dataclass(frozen=True)
class Attacked:
    """The successful attacks of one type and eps, and what every method says of them."""

    attack: str
    eps: float
    groups: np.ndarray
    scores: Scores


@dataclass(frozen=True)
class Judging:
    """What all methods are judged on.

    Attributes:
        items: clean scans of the split.
        n_attacked: attacks at most of each type and eps, None for all.
        n_controlled: clean scans that each standard control is applied to.
    """

    methods: Mapping[str, Method]
    model: PixelModel
    dataset: Dataset
    rows: AdversarialRows
    items: np.ndarray
    n_attacked: int | None
    n_controlled: int
    seed: int
    progress: Progress

    def scores(self, scans: Iterable[Scan], n: int, what: str) -> Scores:
        """What every method says of `n` scans."""
        measured = measure_scans(self.methods, self.model, scans, n=n, what=what, progress=self.progress)
        return {name: method.suspicion(measured[name]).numpy() for name, method in self.methods.items()}

    def reports(self, tau: Mapping[str, float], cost: Cost) -> tuple[MethodReport, ...]:
        """Every method at its own threshold."""
        clean = self.scores(clean_scans(self.dataset, self.items), len(self.items), "clean scans")
        attacked = self._attacked()
        controlled = self._controlled()
        return tuple(
            MethodReport(
                name=name,
                source=method.SOURCE,
                ms=cost.methods_ms[name],
                clean_alarms=rate(int((clean[name] > tau[name]).sum()), len(self.items)),
                cells=tuple(self._cell(cell, name, clean[name], tau[name]) for cell in attacked),
                controls=tuple(
                    _control(what, name, scores, attacked, tau[name]) for what, scores in controlled.items()
                ),
            )
            for name, method in self.methods.items()
        )

    def _attacked(self) -> list[Attacked]:
        rng = np.random.default_rng([self.seed, 4])
        inside = np.flatnonzero(np.isin(self.rows.parent, self.items) & (self.rows.status == "success"))
        pairs = zip(self.rows.attack[inside].tolist(), self.rows.eps[inside].tolist(), strict=True)
        cells = []
        for attack, eps in sorted(set(pairs)):
            of_cell = inside[(self.rows.attack[inside] == attack) & (self.rows.eps[inside] == np.float32(eps))]
            chosen = rng.permutation(of_cell)[: self.n_attacked]
            scans = ((self.rows.levels(int(row)), int(self.rows.bits[row])) for row in chosen)
            scores = self.scores(scans, len(chosen), f"{attack} {255 * eps:g}/255" if eps > 0 else attack)
            cells.append(Attacked(attack, eps, self.dataset.groups[self.rows.parent[chosen]], scores))
        return cells

    def _controlled(self) -> dict[str, Scores]:
        rng = np.random.default_rng([self.seed, 5])
        chosen = rng.permutation(self.items)[: self.n_controlled]
        controlled = {}
        for name, control in STANDARD_CONTROLS.items():
            originals = clean_scans(self.dataset, chosen)
            changed = [(control(levels, bits, rng), bits) for levels, bits in originals]
            controlled[name] = self.scores(changed, len(chosen), name)
        return controlled

    def _cell(self, cell: Attacked, name: str, clean: np.ndarray, tau: float) -> ComparedCell:
        score = cell.scores[name]
        groups = self.dataset.groups[self.items]
        return ComparedCell(
            attack=cell.attack,
            eps=cell.eps,
            n=len(score),
            auroc=auroc_interval(score, clean, cell.groups, groups, seed=self.seed),
            found=rate(int((score > tau).sum()), len(score)),
        )


def _control(what: str, name: str, scores: Scores, attacked: list[Attacked], tau: float) -> ControlRow:
    score = scores[name]
    hits = np.concatenate([cell.scores[name] for cell in attacked]) if attacked else np.empty(0)
    return ControlRow(what, len(score), rate(int((score > tau).sum()), len(score)), auroc(hits, score))
