"""Audits of classifiers: is there a class that a small mark alone brings?"""

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pipeline.errors import BadPoison
from webapp import orders
from webapp.context import user_id
from webapp.forms.audits import AuditedForm, AuditForm
from webapp.forms.parts import offer
from webapp.jobs.audit import JOB
from webapp.queries.artefacts import artefact, artefacts_page, named
from webapp.queries.audits import audit_of, auditable, fitting_datasets, mark_png
from webapp.queries.finding import learned_sets
from webapp.queries.jobs import under_way
from webapp.queries.paging import page_number
from webapp.records.artefacts import ArtefactKind

bp = Blueprint("audits", __name__, url_prefix="/lab/poisoning/audits")


@bp.get("/")
def index() -> str:
    """Every audit, and those under way."""
    page = artefacts_page(ArtefactKind.AUDIT, page_number())
    return render_template("poisoning/audits.html", page=page, jobs=under_way(JOB))


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """The choice of a classifier, then the form of its audit; a sent one becomes a job."""
    choice = AuditedForm(request.args)
    offer(choice.classifier, auditable())
    if not choice.classifier.data:
        return render_template("poisoning/audit_new.html", choice=choice, row=None)
    row, form = artefact(ArtefactKind.CLASSIFIER, choice.classifier.data), AuditForm()
    offer(form.dataset_id, fitting_datasets(row))
    if form.validate_on_submit():
        asked = {name: form[name].data for name in ("dataset_id", "n_images", "seed", "name")}
        try:
            job = orders.audit_classifier(classifier_id=row.id, owner_id=user_id(), **asked)
            return redirect(url_for("jobs.show", job_id=job.id))
        except BadPoison as e:
            form.form_errors.append(f"{e}.")
    page = render_template("poisoning/audit_new.html", choice=choice, row=row, form=form)
    return page, 422 if form.errors else 200


@bp.get("/<audit_id>")
def show(audit_id: str) -> str:
    """What an audit found: each class with its mark, and what it does not clear."""
    row = artefact(ArtefactKind.AUDIT, audit_id)
    parents = {one.id: one for one in named(list(row.parents))}
    audit = audit_of(row)
    learned = learned_sets(audit["classifier_id"])
    return render_template("poisoning/audit.html", row=row, audit=audit, made=parents, learned=learned)


@bp.get("/<audit_id>/marks/<int(max=2147483647):label>.png")
def mark(audit_id: str, label: int) -> Response:
    """The mark of one class as a picture."""
    return Response(mark_png(artefact(ArtefactKind.AUDIT, audit_id), label), mimetype="image/png")


@bp.get("/<audit_id>/report.json")
def report_json(audit_id: str) -> Response:
    """The audit for programs, as the API gives it."""
    row = artefact(ArtefactKind.AUDIT, audit_id)
    response = jsonify({"id": row.id, "name": row.name, **audit_of(row)})
    response.headers["Content-Disposition"] = f'attachment; filename="audit-{row.id}.json"'
    return response
