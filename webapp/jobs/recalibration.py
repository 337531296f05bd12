"""The kind of job that recalibrates a detector; what needs torch is imported where only workers call."""

from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import lineage
from pipeline.detection.local_scans import local_scans
from pipeline.detection.rates import checked_alpha
from webapp.config import Settings
from webapp.jobs.judging import judged
from webapp.jobs.products import data_root, dataset_named, made_before, made_recalibrated
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse scans that cannot calibrate the detector, and a rate that they do not support."""
    root = DataRoot(settings.data_root)
    dataset = open_dataset(root.find("datasets", params["dataset_id"]))
    scans = local_scans(root, lineage(root, params["detector_id"]), dataset, params.get("splits", ()))
    checked_alpha(scans.n, params.get("alpha"))
    # Judging meets all attacks of the set again. Apart, so that the detector stays when judging it fails.
    return [ShardPlan(), ShardPlan(stage=1, weight=3.0)]


def _recalibrate(work: Work) -> Made:
    """Parameters: detector_id, dataset_id, splits (all where empty), alpha (what n supports where absent), name."""
    from pipeline.detection.files import open_detector
    from pipeline.detection.recalibrate import recalibrate

    if work.stage == 1:
        return _judge(work)
    root, params = data_root(work), work.params
    detector, report = recalibrate(
        open_detector(root.find("detectors", params["detector_id"])),
        dataset_named(work, params["dataset_id"]),
        root,
        splits=tuple(params.get("splits", ())),
        alpha=params.get("alpha"),
        name=params["name"],
        by=work.by,
        progress=work.progress,
    )
    return made_recalibrated(work, detector, {"recalibration": report.to_json()})


def _judge(work: Work) -> Made:
    """What the thresholds of now find of the attacks that the detector was trained beside."""
    from pipeline.detection.files import open_detector

    detector = open_detector(data_root(work).find("detectors", made_before(work)))
    return made_recalibrated(work, detector, judged(work, detector.id))


register(Kind(name="recalibrate_detector", title="Recalibrate a detector", shards=_checked, run=_recalibrate))
