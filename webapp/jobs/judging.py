"""The kind of job that judges a detector anew; what needs torch is imported where only workers call."""

from typing import TYPE_CHECKING, Any

from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import lineage
from pipeline.detection.rates import checked_alpha
from pipeline.errors import BadDetector
from webapp.config import Settings
from webapp.jobs.products import data_root, dataset_named, made_judged
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register

if TYPE_CHECKING:
    from datasets.store import Dataset
    from pipeline.adversarial.files import AdversarialSet
    from pipeline.detection.files import Detector
    from pipeline.models.files import Classifier

# Other ways of detecting are told roughly, in a minute or two; `compare-detectors` takes all scans.
_COMPARED_CLEAN, _COMPARED_ATTACKS, _CONTROLLED = 300, 10, 30


def judged(work: Work, detector_id: str) -> dict[str, Any]:
    """The facts that judging a detector on the attacks that it was trained beside adds; its report is kept as well.

    The rate is the parameter alpha, or 1 % or the smallest that the calibration scans support where there is none.
    """
    from pipeline.adversarial.files import open_adversarial
    from pipeline.detection.evaluate import evaluate_detector
    from pipeline.detection.files import open_detector
    from pipeline.detector_report.kept import keep_comparison, keep_static
    from pipeline.models.files import open_classifier

    root = data_root(work)
    detector = open_detector(root.find("detectors", detector_id))
    origin = lineage(root, detector.id)
    rows = open_adversarial(root.find("adversarial", origin.adversarial_id))
    dataset = dataset_named(work, origin.dataset_id)
    classifier = open_classifier(root.find("models", detector.classifier_id))
    report: dict[str, Any] = evaluate_detector(
        detector, rows, dataset, classifier, alpha=work.params.get("alpha"), progress=work.progress
    ).to_json()
    keep_static(root, report)
    keep_comparison(root, _compared(work, report["alpha"], (detector, rows, dataset, classifier)))
    return {"report": report, "cells": report["cells"]}


def _compared(
    work: Work, alpha: float, chain: "tuple[Detector, AdversarialSet, Dataset, Classifier]"
) -> dict[str, Any]:
    """Other ways of detecting on some of the same scans, or why they could not be judged on so few."""
    from detector.conformal import n_needed
    from pipeline.detection.compare import ComparisonSettings, compare_detectors

    detector, rows, dataset, classifier = chain
    some = ComparisonSettings(
        alpha=work.params.get("alpha"),
        n_clean=max(_COMPARED_CLEAN, n_needed(alpha)),
        n_attacked=_COMPARED_ATTACKS,
        n_controlled=_CONTROLLED,
    )
    try:
        return compare_detectors([detector], rows, dataset, classifier, some, progress=work.progress).to_json()
    except BadDetector as e:
        return {"detector_ids": [detector.id], "refused": str(e)}


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse a detector whose scans are gone, and a rate that its calibration scans do not support."""
    root = DataRoot(settings.data_root)
    origin = lineage(root, params["detector_id"])
    for kind, id_ in (("adversarial", origin.adversarial_id), ("datasets", origin.dataset_id)):
        root.find(kind, id_)
    checked_alpha(origin.n_calibration, params.get("alpha"))
    return [ShardPlan()]


def _evaluate(work: Work) -> Made:
    """Parameters: detector_id, name, parents (of its row), alpha."""
    from pipeline.detection.files import open_detector

    facts = judged(work, work.params["detector_id"])
    detector = open_detector(data_root(work).find("detectors", work.params["detector_id"]))
    return made_judged(work, detector, facts)


register(Kind(name="evaluate_detector", title="Judge a detector", shards=_checked, run=_evaluate))
