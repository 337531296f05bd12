"""Classifiers: list, train, import, one in detail."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp import orders
from webapp.context import user_id
from webapp.forms.classifiers import ImportClassifierForm, TrainClassifierForm
from webapp.forms.parts import offer
from webapp.queries.artefacts import artefact, artefacts_page, labelled_datasets, named
from webapp.queries.audits import audited
from webapp.queries.contents import classifier_report
from webapp.queries.paging import page_number
from webapp.records.artefacts import ArtefactKind
from webapp.uploads import keep_upload, takes

bp = Blueprint("classifiers", __name__, url_prefix="/classifiers")


@bp.get("/")
def index() -> str:
    """Every classifier."""
    return render_template("classifiers/list.html", page=artefacts_page(ArtefactKind.CLASSIFIER, page_number()))


@bp.route("/train", methods=["GET", "POST"])
def train() -> ResponseReturnValue:
    """The form of a training; a sent one becomes a job."""
    form = TrainClassifierForm()
    offer(form.dataset_id, labelled_datasets(), chosen=request.args.get("dataset"))
    if not form.validate_on_submit():
        return render_template("classifiers/train.html", form=form), 422 if form.errors else 200
    job = orders.train_classifier(
        dataset_id=form.dataset_id.data,
        name=form.name.data,
        shape=_shape(form),
        training=form.training(),
        owner_id=user_id(),
    )
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.route("/import", methods=["GET", "POST"], endpoint="bring")
@takes("max_upload_bytes")
def bring() -> ResponseReturnValue:
    """The form of a file of weights; a sent one becomes a job."""
    form = ImportClassifierForm()
    offer(form.dataset_id, labelled_datasets())
    if not form.validate_on_submit():
        return render_template("classifiers/import.html", form=form), 422 if form.errors else 200
    upload = keep_upload([form.file.data], owner_id=user_id())
    shape = {**_shape(form), **form.reading()}
    job = orders.import_classifier(
        upload_id=upload.id, dataset_id=form.dataset_id.data, name=form.name.data, shape=shape, owner_id=user_id()
    )
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.get("/<classifier_id>")
def show(classifier_id: str) -> str:
    """One classifier with its report."""
    row = artefact(ArtefactKind.CLASSIFIER, classifier_id)
    told = {"report": classifier_report(row), "audits": audited(row.id)}
    return render_template("classifiers/show.html", row=row, parents=named(row.parents), **told)


def _shape(form: TrainClassifierForm | ImportClassifierForm) -> dict[str, Any]:
    return {"architecture": form.architecture.data, "side": form.side.data}
