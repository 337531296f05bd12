"""Several ways of detecting on the same scans: fitted, calibrated and judged alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from detector.conformal import flagged_range, threshold
from detector.fused import Fused
from detector.interface import Method
from detector.layerwise import LayerMahalanobis
from detector.neighbours import Neighbours
from detector.residual import NoiseResidual
from detector.spectrum import Spectrum
from detector.squeezing import Squeezing
from pipeline.adversarial.files import AdversarialSet
from pipeline.detection.comparison_report import Comparison, MethodReport
from pipeline.detection.cost import Cost, measure_cost
from pipeline.detection.evidence import clean_scans
from pipeline.detection.files import Detector, load_detector
from pipeline.detection.judging import Judging
from pipeline.detection.lessons import Lessons, choose_lessons
from pipeline.detection.network import pixel_batches
from pipeline.detection.rates import checked_alpha
from pipeline.detection.refusals import as_pipeline_errors
from pipeline.detection.seen import measure_scans
from pipeline.detection.train import CALIBRATION_SPLIT
from pipeline.errors import BadDetector
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, load_model

N_TIMED = 40
"""Scans that the cost is taken on."""


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings:
    """What a comparison is made on.

    Attributes:
        split: what is judged.
        alpha: false-alarm rate of every threshold; None is 1 %, or the smallest that the calibration scans support.
        n_clean: clean scans at most of each split; None takes all.
        n_attacked: successful attacks at most of each type and eps, in learning and in judging; None takes all.
        n_controlled: clean scans that each standard control is applied to.
        seed: of every draw.
    """

    split: str = "test"
    alpha: float | None = None
    n_clean: int | None = None
    n_attacked: int | None = None
    n_controlled: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_clean", "n_attacked", "n_controlled"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise BadDetector(f"{name} {value}; give at least 1")


def compare_detectors(
    detectors: Sequence[Detector],
    adversarial_set: AdversarialSet,
    dataset: Dataset,
    classifier: Classifier,
    settings: ComparisonSettings | None = None,
    *,
    progress: Progress = ignore,
) -> Comparison:
    """Fit every method on the detector split, and judge it and the trained detectors on the judged split.

    Of trained detectors the residual network and the whole fused one are judged as they are. A method
    is given the same clean scans, harmlessly changed scans and successful attacks as all others.

    The detectors were trained beside `classifier`, the set was made on `dataset` against it, and `dataset` has the
    splits `detector`, `calibration` and the judged one. `progress` may raise to cancel.

    Raises:
        BadDetector: these do not belong together, or a split has too few scans.
        NotEnoughClean: the calibration scans cannot support alpha.
    """
    settings = settings or ComparisonSettings()
    _require_kin(detectors, adversarial_set, dataset, classifier)
    model, rows = load_model(classifier), adversarial_set.rows()
    items = _chosen(dataset, settings.split, settings)
    calibration = _chosen(dataset, CALIBRATION_SPLIT, settings)
    alpha = checked_alpha(len(calibration), settings.alpha)
    n_clean, n_attacked, seed = settings.n_clean, settings.n_attacked, settings.seed
    lessons = choose_lessons(dataset, rows, n_clean=n_clean, n_attacked=n_attacked, seed=seed)
    with as_pipeline_errors(), model.frozen():
        methods = _fitted(detectors, lessons, model, progress)
        judging = Judging(methods, model, dataset, rows, items, n_attacked, settings.n_controlled, seed, progress)
        cost, reports = _judged(judging, calibration, alpha)
    return Comparison(
        detector_ids=tuple(detector.id for detector in detectors),
        adversarial_id=adversarial_set.id,
        classifier_id=classifier.id,
        split=settings.split,
        alpha=alpha,
        learned_from=lessons.counts(),
        n_calibration=len(calibration),
        flagged_range=flagged_range(len(calibration), alpha, len(items)),
        n_clean=len(items),
        size=(model.spec.height, model.spec.width),
        classifier_ms=cost.classifier_ms,
        shown_ms=cost.shown_ms,
        methods=reports,
    )


def _judged(judging: Judging, calibration: np.ndarray, alpha: float) -> tuple[Cost, tuple[MethodReport, ...]]:
    """What every method costs and what it does, at thresholds from the calibration scans."""
    scans = clean_scans(judging.dataset, calibration)
    ordinary = judging.scores(scans, len(calibration), "calibrating on clean scans")
    tau = {name: threshold(np.sort(score), alpha) for name, score in ordinary.items()}
    one_by_one = _one_by_one(judging.dataset, judging.items, judging.model)
    cost = measure_cost(judging.methods, judging.model, one_by_one, progress=judging.progress)
    return cost, judging.reports(tau, cost)


def _fitted(
    detectors: Sequence[Detector], lessons: Lessons, model: PixelModel, progress: Progress
) -> dict[str, Method]:
    """Every method by name, the trained detectors last."""
    trained = {detector.id: load_detector(detector) for detector in detectors}
    named = {id_: "" if len(trained) == 1 else f" of {id_}" for id_ in trained}
    methods: dict[str, Method] = {
        f"{NoiseResidual.NAME}{named[id_]}": NoiseResidual(fused.residual) for id_, fused in trained.items()
    }
    methods |= {one.NAME: one for one in (Spectrum(), LayerMahalanobis(), Neighbours(), Squeezing())}
    what = "scans to learn from"
    measured = measure_scans(methods, model, lessons.scans(), n=lessons.n, what=what, progress=progress)
    for k, (name, method) in enumerate(methods.items()):
        progress(k, len(methods), f"fitting {name}")
        method.fit(lessons.examples(measured[name]))
    return methods | {f"{Fused.NAME}{named[id_]}": Fused.of(fused) for id_, fused in trained.items()}


def _one_by_one(dataset: Dataset, items: np.ndarray, model: PixelModel) -> list[Tensor]:
    """`N_TIMED` batches of one scan, over again where there are fewer scans."""
    scans = clean_scans(dataset, np.resize(items, N_TIMED))
    return [pixels for scan in scans for pixels in pixel_batches([scan], model.spec)]


def _chosen(dataset: Dataset, split: str, settings: ComparisonSettings) -> np.ndarray:
    """At most `n_clean` scans of a split, by chance."""
    items = dataset.indices(split)
    if len(items) == 0:
        raise BadDetector(f"{dataset.name}: no scans in the split {split!r}; give one that has some")
    drawn: np.ndarray = np.random.default_rng([settings.seed, 6]).permutation(items)[: settings.n_clean]
    return drawn


def _require_kin(
    detectors: Sequence[Detector], adversarial_set: AdversarialSet, dataset: Dataset, classifier: Classifier
) -> None:
    if not detectors:
        raise BadDetector("no detector is named; give the id of one or more")
    given = {f"detector {detector.id}": detector.classifier_id for detector in detectors}
    given[f"adversarial set {adversarial_set.id}"] = adversarial_set.classifier_id
    for what, classifier_id in given.items():
        if classifier_id != classifier.id:
            raise BadDetector(f"{what} belongs to classifier {classifier_id}, {classifier.id} was given; give its own")
    if adversarial_set.dataset_id != dataset.id:
        raise BadDetector(
            f"adversarial set {adversarial_set.id} was made of data set {adversarial_set.dataset_id}, "
            f"{dataset.id} was given; give that one"
        )
