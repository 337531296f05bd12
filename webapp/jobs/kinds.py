"""The product's own kinds of job: thin functions from parameters to the pipeline and back to an artefact.

What needs torch is imported inside the functions that only workers call; a web process reads this module too.
"""

from dataclasses import replace
from typing import Any

from datasets.atomic import read_json
from datasets.store import Dataset, open_dataset
from datasets.trial import try_import
from pipeline.adversarial.kinship import check_classes
from pipeline.adversarial.plan import plan
from pipeline.adversarial.recipe import Recipe
from pipeline.adversarial.trial import shard_rows
from pipeline.artefacts import DataRoot
from pipeline.importing import import_dataset
from pipeline.models.importers.trial import try_weights
from pipeline.models.spec import check_side
from pipeline.provenance.record import checked
from pipeline.training.settings import TrainingSettings
from webapp.config import Settings
from webapp.jobs.asked import check_lessons, check_rates, classes_asked, spec_asked, strip_asked
from webapp.jobs.course import ELSE, Course
from webapp.jobs.detector_course import LEARNING
from webapp.jobs.judging import judged
from webapp.jobs.products import (
    data_root,
    dataset_named,
    made_adversarial,
    made_before,
    made_classifier,
    made_dataset,
    made_detector,
    made_gate,
    uploaded,
)
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register


def _one_labelled(settings: Settings, params: Params) -> list[ShardPlan]:
    classes_asked(settings, params)
    return [ShardPlan()]


def _one_dataset(settings: Settings, params: Params) -> list[ShardPlan]:
    with uploaded(settings, params) as source:
        work = DataRoot(settings.data_root).work
        try_import(source, workdir=work, unlabelled=params.get("unlabelled", False))
    return [ShardPlan()]


def _train_then_judge(settings: Settings, params: Params) -> list[ShardPlan]:
    classes_asked(settings, params)
    side = params.get("side", TrainingSettings.size)
    check_side(params.get("architecture", TrainingSettings.architecture), side, side)
    return _make_then_judge(settings, params)


def _make_then_judge(settings: Settings, params: Params) -> list[ShardPlan]:
    # Making takes most of the time. Apart, so that what was made stays when judging it fails.
    return [ShardPlan(weight=9.0), ShardPlan(stage=1)]


def _learn_then_judge(settings: Settings, params: Params) -> list[ShardPlan]:
    check_lessons(settings, params)
    return _make_then_judge(settings, params)


def _upload_then_judge(settings: Settings, params: Params) -> list[ShardPlan]:
    with uploaded(settings, params) as file:
        try_weights(file, spec_asked(settings, params))
    return [ShardPlan(), ShardPlan(stage=1)]


def _one_supported(settings: Settings, params: Params) -> list[ShardPlan]:
    check_rates(settings, params)
    return [ShardPlan()]


def _import_dataset(work: Work) -> Made:
    """Parameters: upload (path in the data root), file (the sender's name for it), name, seed, unlabelled."""
    params, root = work.params, data_root(work)
    with uploaded(work.settings, params) as source:
        made = import_dataset(
            source,
            root,
            name=params["name"],
            seed=params.get("seed", 0),
            unlabelled=params.get("unlabelled", False),
            by=work.by,
            progress=Course({"decoding": 4.0, "looking for near copies": 1.0}, work.progress),
        )
    return made_dataset(work, made)


def _train_classifier(work: Work) -> Made:
    """Parameters: dataset_id, name, architecture, side, settings (of the training, by their own names)."""
    from pipeline.training.train import train_classifier

    if work.stage == 1:
        return _judge_classifier(work, made_before(work))
    params = work.params
    shape = {key: params[name] for key, name in (("architecture", "architecture"), ("size", "side")) if name in params}
    classifier = train_classifier(
        dataset_named(work, params["dataset_id"]),
        TrainingSettings.from_json({**shape, **params.get("settings", {})}),
        data_root(work).models,
        work=work.scratch,
        name=params["name"],
        by=work.by,
        progress=Course({ELSE: 1.0}, work.progress),  # All but the preparing.
    )
    return made_classifier(work, classifier)


def _import_classifier(work: Work) -> Made:
    """Parameters: upload, file, dataset_id (for the classes), name, architecture, side, channels, head, mean, std."""
    from pipeline.models.importers.importing import import_classifier
    from pipeline.models.registry import default_spec

    if work.stage == 1:
        return _judge_classifier(work, made_before(work))
    params, asked = work.params, spec_asked(work.settings, work.params)
    size = {"channels": asked.channels, "height": asked.height, "width": asked.width}
    usual = default_spec(asked.architecture, classes=asked.classes, **size)
    # What is not given is left to the architecture.
    spec = replace(asked, **{name: getattr(usual, name) for name in ("mean", "std") if name not in params})
    work.progress(0, 1, "Reading the weights")
    with uploaded(work.settings, params) as file:
        made = import_classifier(file, spec, data_root(work).models, name=params["name"], by=work.by)
    return made_classifier(work, made)


def _evaluate(work: Work) -> Made:
    """Parameters: classifier_id, dataset_id."""
    return _judge_classifier(work, work.params["classifier_id"])


def _judge_classifier(work: Work, classifier_id: str) -> Made:
    from pipeline.evaluation import evaluate_classifier
    from pipeline.models.files import open_classifier

    classifier = open_classifier(data_root(work).find("models", classifier_id))
    dataset = dataset_named(work, work.params["dataset_id"])
    return made_classifier(work, classifier, evaluate_classifier(classifier, dataset, progress=work.progress))


def _attacked(settings: Settings, params: Params) -> tuple[Dataset, str]:
    """The data set, and the architecture of the classifier, which the plan asks what a gradient costs."""
    root = DataRoot(settings.data_root)
    # Read as JSON, since opening the classifier loads torch.
    described: Any = read_json(root.find("models", params["classifier_id"]) / "classifier.json")
    dataset = open_dataset(root.find("datasets", params["dataset_id"]))
    check_classes(described["spec"]["classes"], dataset)
    return dataset, described["spec"]["architecture"]


def _adversarial_shards(settings: Settings, params: Params) -> list[ShardPlan]:
    dataset, architecture = _attacked(settings, params)
    rows = shard_rows(params["recipe"], dataset.folder, architecture)
    return [*(ShardPlan(weight=float(n)) for n in rows), ShardPlan(stage=1, weight=0.02 * sum(rows))]


def _build_adversarial(work: Work) -> Made | None:
    """Parameters: dataset_id, classifier_id, name, recipe."""
    from pipeline.adversarial.assemble import assemble
    from pipeline.adversarial.build import build_shard
    from pipeline.models.files import open_classifier

    root, params = data_root(work), work.params
    dataset, architecture = _attacked(work.settings, params)
    made = plan(Recipe.from_json(params["recipe"]), dataset, architecture=architecture)
    if work.stage == 0:
        classifier = open_classifier(root.find("models", params["classifier_id"]))
        build_shard(made, work.idx, dataset, classifier, work.output, work.progress, work=work.folder)
        return None
    work.progress(0, 1, "Putting the parts together")
    folders = (dataset.folder, root.find("models", params["classifier_id"]))
    named = {"classifier_id": params["classifier_id"], "name": params["name"], "by": work.by}
    parents = [checked(folder) for folder in folders]
    set_ = assemble(made, work.parts, root.adversarial, **named, work=work.folder, parents=parents)
    return made_adversarial(work, set_)


def _train_detector(work: Work) -> Made:
    """Parameters: adversarial_id, name, settings (of the training, by their own names)."""
    from pipeline.adversarial.files import open_adversarial
    from pipeline.detection.files import open_detector
    from pipeline.detection.settings import DetectorSettings
    from pipeline.detection.train import train_detector
    from pipeline.models.files import open_classifier

    root, params = data_root(work), work.params
    if work.stage == 1:
        detector = open_detector(root.find("detectors", made_before(work)))
        return made_detector(work, detector, judged(work, detector.id))
    adversarial = open_adversarial(root.find("adversarial", params["adversarial_id"]))
    dataset = dataset_named(work, adversarial.dataset_id)
    classifier = open_classifier(root.find("models", adversarial.classifier_id))
    settings = DetectorSettings(**params.get("settings", {}))
    detector = train_detector(
        adversarial,
        dataset,
        classifier,
        settings,
        root.detectors,
        work=work.scratch,
        name=params["name"],
        by=work.by,
        progress=Course(LEARNING, work.progress),
    )
    return made_detector(work, detector)


def _release_gate(work: Work) -> Made:
    """Parameters: detector_id, name, alpha, alpha_uncertain (twice alpha where absent), strip (a choice, or absent)."""
    from pipeline.detection.files import open_detector
    from pipeline.gate.release import release

    root, params = data_root(work), work.params
    gate = release(
        open_detector(root.find("detectors", params["detector_id"])),
        root,
        name=params["name"],
        alpha=params.get("alpha", 0.01),
        alpha_uncertain=params.get("alpha_uncertain"),
        strip=strip_asked(params),
        by=work.by,
        progress=Course({ELSE: 1.0, **({"STRIP": 4.0} if "strip" in params else {})}, work.progress),
    )
    return made_gate(work, gate)


for _name, _title, _shards, _run in (
    ("import_dataset", "Import a data set", _one_dataset, _import_dataset),
    ("import_classifier", "Import a classifier", _upload_then_judge, _import_classifier),
    ("train_classifier", "Train a classifier", _train_then_judge, _train_classifier),
    ("evaluate", "Evaluate a classifier", _one_labelled, _evaluate),
    ("build_adversarial", "Build an adversarial set", _adversarial_shards, _build_adversarial),
    ("train_detector", "Train a detector", _learn_then_judge, _train_detector),
    ("release_gate", "Release a gate", _one_supported, _release_gate),
):
    register(Kind(name=_name, title=_title, shards=_shards, run=_run))
