"""The kind of job that judges a detector anew; what needs torch is imported where only workers call."""

from typing import TYPE_CHECKING, Any

from datasets.progress import Progress
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import lineage
from pipeline.detection.rates import checked_alpha
from pipeline.detection.unseen import require_unseen
from pipeline.detector_report.kept import JUDGED
from pipeline.errors import BadDetector
from webapp.config import Settings
from webapp.jobs.asked import check_set
from webapp.jobs.course import ELSE, Course
from webapp.jobs.detector_course import JUDGING, n_sets
from webapp.jobs.products import data_root, dataset_named, made_judged
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register

if TYPE_CHECKING:
    from datasets.store import Dataset
    from pipeline.adversarial.files import AdversarialSet
    from pipeline.detection.files import Detector
    from pipeline.models.files import Classifier

    Chain = tuple[Detector, AdversarialSet, Dataset, Classifier]

# Other ways of detecting are told roughly, in a minute or two; `compare-detectors` takes all scans.
_COMPARED_CLEAN, _COMPARED_ATTACKS, _CONTROLLED = 300, 10, 30


def judged(work: Work, detector_id: str) -> dict[str, Any]:
    """The facts that judging a detector on the attacks that it was trained beside adds; its report is kept as well.

    The rate is the parameter alpha, or 1 % or the smallest that the calibration scans support where there is none.
    """
    from pipeline.detector_report.kept import keep_comparison, keep_static

    root = data_root(work)
    chain = _chain(work, detector_id, lineage(root, detector_id).adversarial_id)
    progress = _course(work, chain)
    report = _report(work, chain, progress)
    compared = _compared(work, report["alpha"], chain, progress)
    # Together at the end: a job that is cancelled before leaves the report of the page and the kept one as they were.
    keep_static(root, report)
    keep_comparison(root, compared, of=[detector_id])
    return {"report": report, "cells": report["cells"]}


def _judge_on_other(work: Work, detector_id: str, adversarial_id: str) -> None:
    """Keep what a detector does on a set that is not its own, beside its report, which stays as it is."""
    from pipeline.detector_report.kept import keep_other

    chain = _chain(work, detector_id, adversarial_id)
    keep_other(data_root(work), _report(work, chain, _course(work, chain)), name=chain[1].name)


def _course(work: Work, chain: "Chain") -> Course:
    """The progress over every set of scans that is scored."""
    return Course(JUDGING, work.progress, times={ELSE: n_sets(chain[1].counts)})


def _chain(work: Work, detector_id: str, adversarial_id: str) -> "Chain":
    from pipeline.adversarial.files import open_adversarial
    from pipeline.detection.files import open_detector
    from pipeline.models.files import open_classifier

    root = data_root(work)
    detector = open_detector(root.find("detectors", detector_id))
    rows = open_adversarial(root.find("adversarial", adversarial_id))
    classifier = open_classifier(root.find("models", detector.classifier_id))
    dataset = dataset_named(work, rows.dataset_id)
    # Once more for a detector that was only trained in this job.
    require_unseen(root, lineage(root, detector_id), dataset, JUDGED)
    return detector, rows, dataset, classifier


def _report(work: Work, chain: "Chain", progress: Progress) -> dict[str, Any]:
    from pipeline.detection.evaluate import evaluate_detector

    alpha = work.params.get("alpha")
    found: dict[str, Any] = evaluate_detector(*chain, split=JUDGED, alpha=alpha, progress=progress).to_json()
    return found


def _compared(work: Work, alpha: float, chain: "Chain", progress: Progress) -> dict[str, Any]:
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
        return compare_detectors([detector], rows, dataset, classifier, some, progress=progress).to_json()
    except BadDetector as e:
        return {"detector_ids": [detector.id], "refused": str(e)}


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse a set that it cannot be judged on or whose scans are gone, and a rate that is not supported."""
    root = DataRoot(settings.data_root)
    origin = lineage(root, params["detector_id"])
    check_set(root, origin, params.get("adversarial_id") or origin.adversarial_id)
    require_unseen(root, origin, open_dataset(root.find("datasets", origin.dataset_id)), JUDGED)
    checked_alpha(origin.n_calibration, params.get("alpha"))
    return [ShardPlan()]


def _evaluate(work: Work) -> Made:
    """Parameters: detector_id, name, parents (of its row), alpha, adversarial_id (its own where absent)."""
    from pipeline.detection.files import open_detector

    root, detector_id = data_root(work), work.params["detector_id"]
    own_id, other_id = lineage(root, detector_id).adversarial_id, work.params.get("adversarial_id")
    facts: dict[str, Any] = {}
    if other_id is None or other_id == own_id:
        facts = judged(work, detector_id)
    else:
        _judge_on_other(work, detector_id, other_id)
    return made_judged(work, open_detector(root.find("detectors", detector_id)), facts)


register(Kind(name="evaluate_detector", title="Judge a detector", shards=_checked, run=_evaluate))
