"""From the body of a request to a job, and from a job to its answer."""

from typing import Any

from flask import url_for

from webapp import orders
from webapp.api.order_schemas import NewAdversarialSet
from webapp.context import jobs
from webapp.forms.adversarial import recipe_of
from webapp.forms.attacking import plan_of
from webapp.forms.classifiers import hardening_of
from webapp.jobs.service import JobProgress
from webapp.records.jobs import Job

_SHAPE = ("architecture", "side")
_FILE = ("channels", "head", "mean", "std")


def classifier_order(body: dict[str, Any], *, owner_id: int) -> Job:
    """Train a classifier, or import one where an upload is named."""
    shape = {name: body[name] for name in _SHAPE}
    if body["upload_id"] is None:
        hardening = hardening_of(body["harden"], body["harden_eps"])
        training = {"epochs": body["epochs"], "seed": body["seed"], **hardening}
        return orders.train_classifier(
            dataset_id=body["dataset_id"], name=body["name"], shape=shape, training=training, owner_id=owner_id
        )
    shape |= {name: body[name] for name in _FILE if body[name] is not None}
    return orders.import_classifier(
        upload_id=body["upload_id"], dataset_id=body["dataset_id"], name=body["name"], shape=shape, owner_id=owner_id
    )


def recipe_order(body: dict[str, Any]) -> dict[str, Any]:
    """Take the recipe out of a body: the one that it gives, or the one that its choices make."""
    choices = {name: body.pop(name) for name in NewAdversarialSet.CHOICES}
    given: dict[str, Any] | None = body.pop("recipe")
    return recipe_of(**choices) if given is None else given


def attack_order(detector_id: str, body: dict[str, Any], *, owner_id: int) -> Job:
    """Attack a detector as one who knows it."""
    surrogate_id, alpha = body["surrogate_id"], body.pop("alpha")
    return orders.attack_detector(
        detector_id=detector_id, plan=plan_of(**body), alpha=alpha, surrogate_id=surrogate_id, owner_id=owner_id
    )


def accepted(job: Job) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The answer to an order: the job, and where to watch it."""
    where = url_for("api_jobs.show", job_id=job.id)
    return job_json(jobs().progress(job.id)), 202, {"Location": where, "Retry-After": "1"}


def job_json(job: JobProgress) -> dict[str, Any]:
    """A job as the API tells it."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": str(job.state),
        "fraction": job.fraction,
        "message": job.message,
        "error": job.error,
        "eta_s": job.eta_s,
        "waiting_since": job.waiting_since.isoformat() if job.waiting_since else None,
        "elapsed_s": job.elapsed_s,
        "artefact_id": job.artefact_id,
        "url": url_for("api_jobs.show", job_id=job.id),
    }
