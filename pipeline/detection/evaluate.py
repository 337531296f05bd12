"""What a detector does on scans that it has not seen: attacked, clean, and harmlessly changed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from datasets.adversarial_store import AdversarialRows
from datasets.decoding import decode
from datasets.image import encode_png
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from detector.conformal import false_alarm_band, flagged_range, require_support, supported_alpha, threshold
from detector.types import FAMILIES, TYPES, type_index
from pipeline.adversarial.files import AdversarialSet
from pipeline.detection.controls import STANDARD_CONTROLS
from pipeline.detection.evidence import clean_scans
from pipeline.detection.files import Detector, load_detector
from pipeline.detection.network import GateNetwork, Scan, Scores, score_scans
from pipeline.detection.refusals import as_pipeline_errors
from pipeline.detection.report import Cell, ControlRow, DetectorReport
from pipeline.detection.statistics import Interval, auroc, auroc_interval, rate
from pipeline.errors import BadDetector
from pipeline.models.files import Classifier, load_model

MAX_CONTROLLED = 200
"""Clean scans that every control is applied to: 200 tell 2 % from 5 %."""


def evaluate_detector(
    detector: Detector,
    adversarial_set: AdversarialSet,
    dataset: Dataset,
    classifier: Classifier,
    *,
    split: str = "test",
    alpha: float | None = None,
    seed: int = 0,
    progress: Progress = ignore,
) -> DetectorReport:
    """Judge a detector at the threshold that its clean calibration scans give for `alpha`.

    Without an `alpha` it is 1 %, or the smallest rate on offer that the number of calibration scans supports.

    A cell's figures are of attacks that succeeded on the file; those that failed or left the scan
    unchanged are reported apart, since a gate that passes them does no harm.

    Raises:
        BadDetector: the detector belongs to another classifier, or the split has no clean scans.
        NotEnoughClean: the calibration scans cannot support `alpha`.
    """
    items = _items(detector, dataset, classifier, split)
    alpha = _checked_rate(detector, alpha)
    rng = np.random.default_rng(seed)
    network = GateNetwork(load_model(classifier), load_detector(detector))
    view = _View(
        network, dataset, adversarial_set.rows(), items, threshold(detector.calibration, alpha), seed, progress
    )
    clean = view.scores(clean_scans(dataset, items), len(items), "clean scans")
    cells, confusion, attacked = view.cells(clean)
    n = len(detector.calibration)
    return DetectorReport(
        detector_id=detector.id,
        adversarial_id=adversarial_set.id,
        split=split,
        alpha=alpha,
        n_calibration=n,
        band=false_alarm_band(n, alpha),
        flagged_range=flagged_range(n, alpha, len(items)),
        n_clean=len(items),
        clean_alarms=rate(int((clean.score > view.tau).sum()), len(items)),
        clean_alarms_by_class=view.alarms_by_class(clean),
        null_attack=auroc(view.scores(_null_attacked(dataset, items), len(items), "null attack").score, clean.score),
        cells=tuple(cells),
        controls=tuple(view.controls(attacked, rng)),
        confusion=confusion,
    )


def _checked_rate(detector: Detector, alpha: float | None) -> float:
    n = len(detector.calibration)
    if alpha is None:
        return supported_alpha(n)
    with as_pipeline_errors():
        require_support(n, alpha)
    return alpha


@dataclass(frozen=True)
class _View:
    """Everything that the cells of one evaluation share."""

    network: GateNetwork
    dataset: Dataset
    rows: AdversarialRows
    items: np.ndarray
    tau: float
    seed: int
    progress: Progress

    def scores(self, scans: Iterable[Scan], n: int, what: str) -> Scores:
        return score_scans(self.network, scans, n=n, what=what, progress=self.progress)

    def cells(self, clean: Scores) -> tuple[list[Cell], dict[str, dict[str, int]], np.ndarray]:
        """One cell an attack and eps, the confusion of types, and the scores of all successful attacks."""
        inside = np.isin(self.rows.parent, self.items)
        pairs = sorted(
            {(str(a), float(e)) for a, e in zip(self.rows.attack[inside], self.rows.eps[inside], strict=True)}
        )
        confusion: dict[str, dict[str, int]] = {}
        cells, successful = [], []
        for attack, eps in pairs:
            chosen = np.flatnonzero(inside & (self.rows.attack == attack) & (self.rows.eps == np.float32(eps)))
            scans = ((self.rows.levels(int(row)), int(self.rows.bits[row])) for row in chosen)
            found = self.scores(scans, len(chosen), f"{attack} {255 * eps:g}/255" if eps > 0 else attack)
            is_success = self.rows.status[chosen] == "success"
            named = _count_names(confusion, attack, found.type_probs[is_success])
            successful.append(found.score[is_success])
            cells.append(self._cell(attack, eps, chosen, found.score, clean.score, named))
        return cells, confusion, np.concatenate(successful) if successful else np.empty(0)

    def alarms_by_class(self, clean: Scores) -> dict[str, Interval]:
        """False alarms of each class, since an average hides whom they fall on."""
        labels, flagged = self.dataset.labels[self.items], clean.score > self.tau
        return {
            name: rate(int(flagged[labels == k].sum()), int((labels == k).sum()))
            for k, name in enumerate(self.dataset.classes)
        }

    def controls(self, attacked: np.ndarray, rng: np.random.Generator) -> list[ControlRow]:
        """False alarms on every harmless change, and how far attacks stand above it."""
        chosen = rng.permutation(self.items)[:MAX_CONTROLLED]
        controls = []
        for name, control in STANDARD_CONTROLS.items():
            originals = clean_scans(self.dataset, chosen)
            changed = ((control(levels, bits, rng), bits) for levels, bits in originals)
            score = self.scores(changed, len(chosen), name).score
            controls.append(
                ControlRow(name, len(score), rate(int((score > self.tau).sum()), len(score)), auroc(attacked, score))
            )
        return controls

    def _cell(
        self,
        attack: str,
        eps: float,
        chosen: np.ndarray,
        score: np.ndarray,
        clean: np.ndarray,
        named: tuple[int, int] | None,
    ) -> Cell:
        status = self.rows.status[chosen]
        success = status == "success"
        hit = score[success]
        groups = self.dataset.groups
        n = len(hit)
        return Cell(
            attack=attack,
            eps=eps,
            n=n,
            n_failed=int((status == "failed").sum()),
            n_unchanged=int((status == "unchanged").sum()),
            n_clean_wrong=int((status == "clean_wrong").sum()),
            auroc=auroc_interval(
                hit, clean, groups[self.rows.parent[chosen][success]], groups[self.items], seed=self.seed
            ),
            found=rate(int((hit > self.tau).sum()), n),
            failed_flagged=rate(int((score[status == "failed"] > self.tau).sum()), int((status == "failed").sum())),
            type_right=None if named is None or n == 0 else named[0] / n,
            family_right=None if named is None or n == 0 else named[1] / n,
        )


def _items(detector: Detector, dataset: Dataset, classifier: Classifier, split: str) -> np.ndarray:
    """The scans of the split, once the three are known to belong together."""
    if detector.classifier_id != classifier.id:
        raise BadDetector(
            f"detector {detector.id} belongs to classifier {detector.classifier_id}, {classifier.id} was given"
        )
    items = dataset.indices(split)
    if len(items) == 0:
        raise BadDetector(f"{dataset.name}: no scans in the split {split!r}; give one that has some")
    return items


def _null_attacked(dataset: Dataset, items: np.ndarray) -> Iterator[Scan]:
    """Clean scans written and decoded as attacked ones are, with nothing done to them."""
    for levels, bits in clean_scans(dataset, items):
        yield decode(encode_png(levels, bits)).levels, bits


def _count_names(confusion: dict[str, dict[str, int]], attack: str, type_probs: np.ndarray) -> tuple[int, int] | None:
    """Count what an attack was called, given that it is one; how often type and family were right."""
    row = confusion.setdefault(attack, dict.fromkeys(TYPES[1:], 0))
    if len(type_probs) == 0:
        return None
    called = [TYPES[1 + int(k)] for k in type_probs[:, 1:].argmax(1)]
    for name in called:
        row[name] += 1
    index = type_index(attack)
    if index is None:
        return None
    family = next(members for members in FAMILIES.values() if TYPES[index] in members)
    return called.count(TYPES[index]), sum(called.count(member) for member in family)
