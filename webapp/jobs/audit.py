"""The kind of job that audits a classifier for backdoors; what needs torch is imported where only workers call."""

from typing import Any

from datasets.atomic import content_id, read_json
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison
from webapp.config import Settings
from webapp.jobs.products import data_root, dataset_named
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register
from webapp.records.artefacts import ArtefactKind

JOB = "audit_classifier"
SPLIT = "test"
N_IMAGES, MOST_IMAGES = 200, 2_000
LEAST_CLASSES = 3  # Of two, neither can be an outlier.


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse a data set of other classes, fewer than three of them, and one without test images."""
    root = DataRoot(settings.data_root)
    described: Any = read_json(root.find("models", params["classifier_id"]) / "classifier.json")
    dataset = open_dataset(root.find("datasets", params["dataset_id"]))
    classes, name = tuple(described["spec"]["classes"]), described["name"]
    if classes != dataset.classes:
        raise BadPoison(
            f"{name} tells apart {', '.join(classes)}; {dataset.name} has {', '.join(dataset.classes)}: choose a data"
            " set of the same classes"
        )
    if len(classes) < LEAST_CLASSES:
        raise BadPoison(
            f"{name} tells {len(classes)} classes apart; an audit compares the marks of at least {LEAST_CLASSES},"
            " since of two neither stands out: choose another classifier"
        )
    if len(dataset.indices(SPLIT)) == 0:
        raise BadPoison(f"{dataset.name} has no image in the split {SPLIT!r}; choose another data set")
    if not 1 <= params["n_images"] <= MOST_IMAGES:
        raise BadPoison(f"{params['n_images']} images; use 1 to {MOST_IMAGES}")
    return [ShardPlan()]


def _audit(work: Work) -> Made:
    """Parameters: classifier_id, dataset_id, n_images, seed, name."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.audit import audit_classifier, keep_audit

    root, params = data_root(work), work.params
    work.progress(0, 1, "Reading the classifier")
    classifier = open_classifier(root.find("models", params["classifier_id"]))
    audit = audit_classifier(
        classifier,
        dataset_named(work, params["dataset_id"]),
        split=SPLIT,
        n_images=params["n_images"],
        seed=params["seed"],
        progress=work.progress,
    )
    audit_id = content_id({"audit": audit.to_json(), "seed": params["seed"]})
    keep_audit(audit, root.reports / audit_id)
    suspected = [row["class"] for row in _rows(audit.to_json()) if row["suspected"]]
    return Made(
        kind=ArtefactKind.AUDIT,
        id=audit_id,
        name=params["name"],
        folder=root.reports / audit_id,
        parents=(classifier.id, params["dataset_id"]),
        facts={"suspected": suspected, "said": audit.said, "n_images": audit.n_images, "seed": params["seed"]},
    )


def _rows(told: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = told["classes"]
    return rows


register(Kind(name=JOB, title="Audit a classifier for backdoors", shards=_checked, run=_audit))
