"""The kind of job that attacks a detector as one who knows it; what needs torch is imported where only workers call."""

from typing import TYPE_CHECKING, Any

from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.detection.lineage import Lineage, lineage
from pipeline.detection.rates import checked_alpha
from pipeline.detection.unseen import require_unseen
from pipeline.detector_report.kept import JUDGED
from pipeline.errors import BadDetector
from webapp.config import Settings
from webapp.jobs.attacking_course import course_of, in_words
from webapp.jobs.course import Course
from webapp.jobs.products import data_root, dataset_named, made_judged
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register

if TYPE_CHECKING:
    # Only for the type: it loads torch, and a web process reads this module too.
    from pipeline.detection.adaptive import Known


def _plan(params: Params) -> AdaptivePlan:
    given: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in params["plan"].items()}
    return AdaptivePlan(**given)


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse a plan that cannot be, a detector whose scans are gone, and a rate that is not supported."""
    _plan(params)
    root = DataRoot(settings.data_root)
    attacked = lineage(root, params["detector_id"])
    require_unseen(root, attacked, open_dataset(root.find("datasets", attacked.dataset_id)), JUDGED)
    alpha = checked_alpha(attacked.n_calibration, params.get("alpha"))
    if params.get("surrogate_id"):
        _check_surrogate(attacked, lineage(root, params["surrogate_id"]), alpha)
    return [ShardPlan()]


def _check_surrogate(attacked: Lineage, surrogate: Lineage, alpha: float) -> None:
    """Refuse a second detector that is the first, is of other classes, or has no threshold at this rate."""
    if surrogate.detector_id == attacked.detector_id:
        raise BadDetector(
            f"the second detector {surrogate.detector_id} is the one to be attacked; choose another one, or none"
        )
    if surrogate.spec.classes != attacked.spec.classes:
        raise BadDetector(
            f"the second detector {surrogate.detector_id} stands before a classifier of {_named(surrogate)}, the one "
            f"to be attacked before one of {_named(attacked)}; choose one of the same classes, or none"
        )
    checked_alpha(surrogate.n_calibration, alpha)


def _named(one: Lineage) -> str:
    return ", ".join(one.spec.classes)


def _attack(work: Work) -> Made:
    """Parameters: detector_id, name, parents (of its row), plan (by its own names), alpha, surrogate_id.

    What was measured is kept beside the job after each attack and radius, so that it goes on from there.
    """
    from pipeline.detection.adaptive import evaluate_adaptive
    from pipeline.detection.files import open_detector
    from pipeline.detector_report.kept import keep_adaptive
    from pipeline.models.files import open_classifier

    root, params, plan = data_root(work), work.params, _plan(work.params)

    def opened(detector_id: str) -> "Known":
        detector = open_detector(root.find("detectors", detector_id))
        return detector, open_classifier(root.find("models", detector.classifier_id))

    work.progress(0, 1, "Reading the detector")
    known = opened(params["detector_id"])
    report = evaluate_adaptive(
        known,
        dataset_named(work, lineage(root, known[0].id).dataset_id),
        plan,
        work=work.scratch,
        surrogate=opened(params["surrogate_id"]) if params.get("surrogate_id") else None,
        alpha=params.get("alpha"),
        progress=Course(course_of(plan), work.progress, words=in_words),
    )
    keep_adaptive(root, report.to_json())
    return made_judged(work, known[0], {})


register(Kind(name="attack_detector", title="Try attackers who know a detector", shards=_checked, run=_attack))
