"""What pages and the API can order: each order is a job, checked here and done by a worker."""

from typing import Any

from webapp.context import jobs
from webapp.jobs.audit import JOB as AUDIT
from webapp.jobs.finding import NAME as FIND_POISON
from webapp.jobs.poisoning import LABS
from webapp.jobs.repairing import REPAIR_JOB
from webapp.jobs.replaying import REPLAY_JOB
from webapp.queries.artefacts import artefact, upload
from webapp.queries.detector_report import rate_of_report
from webapp.queries.finding import clean_classifier_like
from webapp.queries.history import keeping
from webapp.queries.poisoning import models_to_train, recipes_asked, run_of
from webapp.queries.repairs import RepairAsked
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job


def import_dataset(*, upload_id: str, name: str, seed: int, unlabelled: bool, owner_id: int) -> Job:
    """Import an upload as a data set, or as clean scans without labels, for calibration alone."""
    row = upload(upload_id)
    params = {"upload": row.path, "file": row.name, "name": name, "seed": seed, "unlabelled": unlabelled}
    return jobs().enqueue("import_dataset", params, owner_id)


def train_classifier(
    *, dataset_id: str, name: str, shape: dict[str, Any], training: dict[str, Any], owner_id: int
) -> Job:
    """Train a classifier on a data set."""
    artefact(ArtefactKind.DATASET, dataset_id)
    params = {"dataset_id": dataset_id, "name": name, **shape, "settings": training}
    return jobs().enqueue("train_classifier", params, owner_id)


def import_classifier(*, upload_id: str, dataset_id: str, name: str, shape: dict[str, Any], owner_id: int) -> Job:
    """Import an upload as a classifier for the classes of a data set."""
    row = upload(upload_id)
    artefact(ArtefactKind.DATASET, dataset_id)
    params = {"upload": row.path, "file": row.name, "dataset_id": dataset_id, "name": name, **shape}
    return jobs().enqueue("import_classifier", params, owner_id)


def build_adversarial(*, dataset_id: str, classifier_id: str, name: str, recipe: dict[str, Any], owner_id: int) -> Job:
    """Build an adversarial set against a classifier."""
    artefact(ArtefactKind.DATASET, dataset_id)
    artefact(ArtefactKind.CLASSIFIER, classifier_id)
    params = {"dataset_id": dataset_id, "classifier_id": classifier_id, "name": name, "recipe": recipe}
    return jobs().enqueue("build_adversarial", params, owner_id)


def train_detector(*, adversarial_id: str, name: str, training: dict[str, Any], owner_id: int) -> Job:
    """Train a detector on an adversarial set and the clean images behind it."""
    artefact(ArtefactKind.ADVERSARIAL, adversarial_id)
    params = {"adversarial_id": adversarial_id, "name": name, "settings": training}
    return jobs().enqueue("train_detector", params, owner_id)


def evaluate_detector(*, detector_id: str, alpha: float | None, adversarial_id: str | None, owner_id: int) -> Job:
    """Judge a detector anew, on the adversarial set that it was trained beside where no other is named."""
    row = artefact(ArtefactKind.DETECTOR, detector_id)
    if adversarial_id is not None:
        artefact(ArtefactKind.ADVERSARIAL, adversarial_id)
    params = {"detector_id": row.id, "name": row.name, "parents": list(row.parents)}
    return jobs().enqueue("evaluate_detector", {**params, "alpha": alpha, "adversarial_id": adversarial_id}, owner_id)


def attack_detector(
    *, detector_id: str, plan: dict[str, Any], alpha: float | None, surrogate_id: str | None, owner_id: int
) -> Job:
    """Attack a detector and its classifier as one who knows both; at the rate of its report where none is given.

    Raises:
        NoReport: it was never judged, so that there is no report for the figure to stand in.
    """
    row = artefact(ArtefactKind.DETECTOR, detector_id)
    if surrogate_id is not None:
        artefact(ArtefactKind.DETECTOR, surrogate_id)
    standing = rate_of_report(row)
    params = {"detector_id": row.id, "name": row.name, "parents": list(row.parents)}
    chosen = {"plan": plan, "alpha": standing if alpha is None else alpha, "surrogate_id": surrogate_id}
    return jobs().enqueue("attack_detector", {**params, **chosen}, owner_id)


def recalibrate_detector(
    *, detector_id: str, dataset_id: str, splits: list[str], name: str, alpha: float | None, owner_id: int
) -> Job:
    """Make a detector anew with thresholds from clean scans of a data set."""
    artefact(ArtefactKind.DETECTOR, detector_id)
    artefact(ArtefactKind.DATASET, dataset_id)
    params = {"detector_id": detector_id, "dataset_id": dataset_id, "splits": splits, "name": name, "alpha": alpha}
    return jobs().enqueue("recalibrate_detector", params, owner_id)


def release_gate(
    *,
    detector_id: str,
    name: str,
    alpha: float,
    alpha_uncertain: float | None,
    strip: dict[str, Any] | None = None,
    owner_id: int,
) -> Job:
    """Compile a detector and its classifier into a gate, one that looks for backdoor triggers where STRIP is chosen."""
    artefact(ArtefactKind.DETECTOR, detector_id)
    params = {"detector_id": detector_id, "name": name, "alpha": alpha, "alpha_uncertain": alpha_uncertain}
    return jobs().enqueue("release_gate", params | ({} if strip is None else {"strip": strip}), owner_id)


def flip_labels(*, dataset_id: str, original_id: str | None, owner_id: int, **order: Any) -> Job:
    """Train with and without flipped labels and compare; `order` has name, recipe and settings."""
    return _poison("flip_labels", dataset_id, original_id, None, owner_id, order)


def plant_backdoor(
    *, dataset_id: str, original_id: str | None, proxy_id: str | None, owner_id: int, **order: Any
) -> Job:
    """Train with and without a trigger and compare; `order` has name, recipe, settings and strength.

    With `hardening` in it, and no proxy named, the run trains its proxy so before it plants anything.
    """
    return _poison("plant_backdoor", dataset_id, original_id, proxy_id, owner_id, order)


def replay_poison(row: Artefact, *, train_again: bool = False, owner_id: int) -> Job:
    """Make the poisoned data of a run again from its record, and tell on the run's page whether they are the same.

    With `train_again` its classifiers are trained again as well, on the data that were made again.
    """
    run = run_of(row)
    asked = recipes_asked(run)
    for dataset_id in run.page.sets.values():
        artefact(ArtefactKind.DATASET, dataset_id)
    models = models_to_train(run) if train_again else {}
    sets = [
        {
            "what": what,
            "dataset_id": run.page.sets[what],
            "recipe": recipe.to_json(),
            "classifiers": models.get(what, []),
        }
        for what, recipe in asked.items()
    ]
    params = {"run_id": row.id, "name": row.name, "parents": list(row.parents), "lab": run.report["lab"], "sets": sets}
    return jobs().enqueue(REPLAY_JOB, {**params, "dataset_id": run.report["dataset_id"]}, owner_id)


def audit_classifier(*, classifier_id: str, dataset_id: str, name: str, n_images: int, seed: int, owner_id: int) -> Job:
    """Search the smallest mark that brings each class of a classifier."""
    artefact(ArtefactKind.CLASSIFIER, classifier_id)
    artefact(ArtefactKind.DATASET, dataset_id)
    params = {"classifier_id": classifier_id, "dataset_id": dataset_id, "name": name}
    return jobs().enqueue(AUDIT, {**params, "n_images": n_images, "seed": seed}, owner_id)


def verify_history(*, artefact_id: str, owner_id: int) -> Job:
    """Verify an artefact, all of its levels and weights, against its signed history."""
    return _about_history("verify_history", artefact_id, owner_id, {})


def trust_history(*, artefact_id: str, why: str, owner_id: int) -> Job:
    """Vouch for an artefact as it is, after it was verified."""
    return _about_history("trust_history", artefact_id, owner_id, {"why": why})


def _about_history(kind: str, artefact_id: str, owner_id: int, more: dict[str, Any]) -> Job:
    row = keeping(artefact_id)
    params = {"artefact_id": row.id, "kind": str(row.kind), "name": row.name, "parents": list(row.parents), **more}
    return jobs().enqueue(kind, params, owner_id)


def _poison(
    kind: str, dataset_id: str, original_id: str | None, proxy_id: str | None, owner_id: int, order: dict[str, Any]
) -> Job:
    artefact(ArtefactKind.DATASET, dataset_id)
    for classifier_id in (original_id, proxy_id):
        if classifier_id is not None:
            artefact(ArtefactKind.CLASSIFIER, classifier_id)
    params = {"lab": LABS[kind], "dataset_id": dataset_id, "original_id": original_id, "proxy_id": proxy_id, **order}
    return jobs().enqueue(kind, params, owner_id)


def find_poison(
    *,
    dataset_id: str,
    classifier_id: str,
    trusted_id: str | None,
    unpoisoned_id: str | None,
    name: str,
    settings: dict[str, Any],
    owner_id: int,
) -> Job:
    """Ask every finder of poison about a data set, and about the same data unpoisoned where the lab poisoned it.

    Where no classifier of the unpoisoned data is named, one that was trained as the other is taken, else one is trained
    so.
    """
    row = artefact(ArtefactKind.DATASET, dataset_id)
    named = (ArtefactKind.CLASSIFIER, classifier_id), (ArtefactKind.CLASSIFIER, unpoisoned_id)
    for kind, one in (*named, (ArtefactKind.TRUSTED, trusted_id)):
        if one is not None:
            artefact(kind, one)
    there = clean_classifier_like(row, classifier_id) if unpoisoned_id is None else None
    params = {
        "dataset_id": dataset_id,
        "classifier_id": classifier_id,
        "trusted_id": trusted_id,
        "unpoisoned_id": there.id if there else unpoisoned_id,
        "name": name,
        "settings": settings,
    }
    return jobs().enqueue(FIND_POISON, params, owner_id)


def repair_poison(asked: RepairAsked, *, name: str, settings: dict[str, Any], owner_id: int) -> Job:
    """Drop and relabel what is confirmed, train anew, and verify; what is confirmed later changes nothing."""
    artefact(ArtefactKind.DATASET, asked.dataset_id)
    artefact(ArtefactKind.CLASSIFIER, asked.classifier_id)
    if asked.trusted_id is not None:
        artefact(ArtefactKind.TRUSTED, asked.trusted_id)
    return jobs().enqueue(REPAIR_JOB, {"name": name, "settings": settings, **asked.params()}, owner_id)
