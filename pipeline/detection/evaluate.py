"""What a detector does on scans that it has not seen: attacked, clean, and harmlessly changed."""

from dataclasses import dataclass, replace

import numpy as np

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from detector.conformal import false_alarm_band, flagged_range, threshold
from pipeline.adversarial.files import AdversarialSet
from pipeline.detection.attacked import cell_row, handed_out, look_at_attacks
from pipeline.detection.background import zeroed_background
from pipeline.detection.drawn import drawn
from pipeline.detection.drawn_rows import Sources
from pipeline.detection.evidence import clean_scans
from pipeline.detection.examined import AttackedCell, Examined, loose_threshold, strict_rate
from pipeline.detection.files import Detector, load_detector
from pipeline.detection.lineage import RECALIBRATION
from pipeline.detection.naming_figures import CALLED, naming_figures
from pipeline.detection.network import GateNetwork, score_scans
from pipeline.detection.noise import Controlled, control_rows, equal_norm_rows, look_at_controls, paired_rows
from pipeline.detection.operating import coverage, margin_rows, operating_rows
from pipeline.detection.protocol_rows import Beside, OperatingRow
from pipeline.detection.rates import checked_alpha
from pipeline.detection.reencoded import null_attack, reencoded_rows, survivor_rows
from pipeline.detection.report import Cell, DetectorReport
from pipeline.detection.shortcuts import shortcut_rows
from pipeline.detection.statistics import Interval
from pipeline.errors import BadDetector
from pipeline.models.files import Classifier, load_model


@dataclass(frozen=True, eq=False)
class Examination:
    """A report with the scores that it was made from.

    Attributes:
        examined: what the report is on.
        cells: the attacked scans.
        controlled: harmlessly changed ones.
    """

    report: DetectorReport
    examined: Examined
    cells: list[AttackedCell]
    controlled: Controlled


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
        BadDetector: the detector belongs to another classifier, or the attacked scans are of another data set, or the
            split has no clean scans.
        NotEnoughClean: the calibration scans cannot support `alpha`.
    """
    return examine_detector(
        detector, adversarial_set, dataset, classifier, split=split, alpha=alpha, seed=seed, progress=progress
    ).report


def examine_detector(
    detector: Detector,
    adversarial_set: AdversarialSet,
    dataset: Dataset,
    classifier: Classifier,
    *,
    split: str = "test",
    alpha: float | None = None,
    seed: int = 0,
    beside: bool = True,
    progress: Progress = ignore,
) -> Examination:
    """The report of `evaluate_detector` with the scores behind it; sooner without controls and what stands `beside` it.

    The adversarial set may have been made against another classifier: then its rows say whom they fool, and what only
    the attacked classifier could answer is left out.
    """
    items = _items(detector, adversarial_set, dataset, classifier, split)
    alpha = checked_alpha(len(detector.calibration), alpha)
    network = GateNetwork(load_model(classifier), load_detector(detector))
    strict, strict_tau = strict_rate(detector.calibration)
    scans = clean_scans(dataset, items)
    examined = Examined(
        network=network,
        dataset=dataset,
        rows=adversarial_set.rows(),
        items=items,
        clean=score_scans(network, scans, n=len(items), what="clean scans", progress=progress),
        tau=threshold(detector.calibration, alpha),
        strict=strict,
        strict_tau=strict_tau,
        loose_tau=loose_threshold(detector.calibration),
        own=adversarial_set.classifier_id == classifier.id,
        seed=seed,
        progress=progress,
    )
    cells = look_at_attacks(examined)
    controlled = look_at_controls(examined) if beside else {}
    report = _report(examined, cells, controlled, (detector, adversarial_set, split, alpha))
    if beside:
        report = replace(
            report,
            beside=_beside(examined, cells, controlled, operating_rows(examined, cells, detector.calibration, alpha)),
            drawn=drawn(examined, cells, controlled),
            sources=_sources(detector, adversarial_set, dataset, classifier),
        )
    return Examination(report, examined, cells, controlled)


def _report(
    examined: Examined,
    cells: list[AttackedCell],
    controlled: Controlled,
    on: tuple[Detector, AdversarialSet, str, float],
) -> DetectorReport:
    """The headline, and the controls that were looked at."""
    detector, adversarial_set, split, alpha = on
    n, n_clean = len(detector.calibration), len(examined.items)
    told = [cell_row(examined, cell) for cell in cells]
    return DetectorReport(
        detector_id=detector.id,
        adversarial_id=adversarial_set.id,
        split=split,
        alpha=alpha,
        n_calibration=n,
        band=false_alarm_band(n, alpha),
        flagged_range=flagged_range(n, alpha, n_clean),
        n_clean=n_clean,
        clean_alarms=examined.flagged(examined.clean.score),
        clean_alarms_by_class=_alarms_by_class(examined),
        null_attack=null_attack(examined),
        cells=tuple(told),
        controls=control_rows(examined, cells, controlled),
        confusion=_confusion(told),
        strict=examined.strict,
        coverage=coverage(examined),
        handed_out=handed_out(examined, cells),
        naming=naming_figures(cells),
    )


def _beside(
    examined: Examined, cells: list[AttackedCell], controlled: Controlled, operating: tuple[OperatingRow, ...]
) -> Beside:
    background, background_clean = zeroed_background(examined, cells)
    return Beside(
        operating=operating,
        margins=margin_rows(examined),
        equal_norm=equal_norm_rows(examined, cells, controlled),
        paired=paired_rows(examined, cells),
        background=background,
        background_clean=background_clean,
        reencoded=reencoded_rows(examined),
        survivors=survivor_rows(examined, cells),
        shortcuts=shortcut_rows(examined, cells),
    )


def _sources(detector: Detector, adversarial_set: AdversarialSet, dataset: Dataset, classifier: Classifier) -> Sources:
    return Sources(
        classifier_id=classifier.id,
        classifier_sha256=classifier.weights_sha256,
        detector_id=detector.id,
        detector_sha256=detector.weights_sha256,
        dataset_id=dataset.id,
        dataset_name=dataset.name,
        dataset_sha256=dataset.levels_sha256,
        adversarial_id=adversarial_set.id,
        adversarial_sha256=adversarial_set.rows_sha256,
        attacked_classifier_id=adversarial_set.classifier_id,
        calibrated_on=_calibrated_elsewhere(detector, dataset),
    )


def _calibrated_elsewhere(detector: Detector, dataset: Dataset) -> str:
    """The data set that a recalibrated detector's threshold is from, where it is not the judged one."""
    since = detector.notes.get(RECALIBRATION)
    if not isinstance(since, dict) or since["dataset_id"] == dataset.id:
        return ""
    return f"{since['dataset_name']} ({since['dataset_id']})"


def _items(
    detector: Detector, adversarial_set: AdversarialSet, dataset: Dataset, classifier: Classifier, split: str
) -> np.ndarray:
    """The scans of the split, once the four are known to belong together."""
    if detector.classifier_id != classifier.id:
        raise BadDetector(
            f"detector {detector.id} belongs to classifier {detector.classifier_id}, {classifier.id} was given; give "
            "its own"
        )
    if adversarial_set.dataset_id != dataset.id:
        raise BadDetector(
            f"adversarial set {adversarial_set.id} was made of data set {adversarial_set.dataset_id}, {dataset.id} was "
            "given; give that data set"
        )
    items = dataset.indices(split)
    if len(items) == 0:
        raise BadDetector(f"{dataset.name}: no scans in the split {split!r}; give one that has some")
    return items


def _alarms_by_class(examined: Examined) -> dict[str, Interval]:
    """False alarms of each class, since an average hides whom they fall on."""
    labels, score = examined.dataset.labels[examined.items], examined.clean.score
    return {name: examined.flagged(score[labels == k]) for k, name in enumerate(examined.dataset.classes)}


def _confusion(cells: list[Cell]) -> dict[str, dict[str, int]]:
    """What every attack was called, over all its cells."""
    found: dict[str, dict[str, int]] = {}
    for cell in cells:
        row = found.setdefault(cell.attack, dict.fromkeys(CALLED, 0))
        for name, count in cell.named.items():
            row[name] += count
    return found
