"""Repairs of poisoned data: what is confirmed is dropped or relabelled, and everything is verified again."""

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from datasets.errors import DatasetError
from pipeline.detector_report.drawing import HEIGHT, WIDTH, drawing
from pipeline.errors import BadClassifier, BadPoison, BadTraining
from webapp import orders
from webapp.context import user_id
from webapp.forms.finding import SuspectedSetForm
from webapp.forms.parts import offer
from webapp.forms.repairs import ConfirmedForm, NamedImagesForm
from webapp.jobs.repairing import REPAIR_JOB
from webapp.queries import repairs
from webapp.queries.artefacts import artefact, artefacts_page, labelled_datasets, named
from webapp.queries.contents import open_stored_dataset
from webapp.queries.finding import classifiers_of
from webapp.queries.jobs import has_page, under_way
from webapp.queries.paging import page_number
from webapp.queries.repairs import RepairAsked
from webapp.queries.trusted import trusted_for
from webapp.records.artefacts import ArtefactKind

bp = Blueprint("poisoning_repair", __name__, url_prefix="/lab/poisoning/repairs")

_REFUSALS = (BadPoison, BadTraining, BadClassifier, DatasetError)
_FEW = 6


@bp.get("/")
def index() -> str:
    """Every repair, those under way, and the way to a new one."""
    page = artefacts_page(ArtefactKind.REPAIR, page_number())
    return render_template("poisoning_repair/list.html", page=page, jobs=under_way(REPAIR_JOB))


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """What would be changed and the form of it; a sent one becomes a job."""
    finding_id = request.args.get("finding", "")
    return _of_finding(finding_id) if finding_id else _of_named()


@bp.get("/<repair_id>")
def show(repair_id: str) -> str:
    """What a repair gained."""
    row = artefact(ArtefactKind.REPAIR, repair_id)
    repair = repairs.repair_of(row)
    trusted = filter(None, [repair.report["trusted_id"]])
    which = repairs.DROPPED if repair.report["dropped"] else repairs.RELABELLED
    return render_template(
        "poisoning_repair/show.html",
        row=row,
        repair=repair,
        made={one.id: one for one in named([*row.parents, *trusted]) if has_page(one)},
        few=repairs.changed_page(repair, which=which, number=1, size=_FEW),
        which=which,
        drawing=drawing,
        plane=(WIDTH, HEIGHT),
    )


@bp.get("/<repair_id>/images")
def images(repair_id: str) -> str:
    """The images that a repair dropped, or those that it relabelled."""
    row = artefact(ArtefactKind.REPAIR, repair_id)
    repair = repairs.repair_of(row)
    which = repairs.RELABELLED if request.args.get("which") == repairs.RELABELLED else repairs.DROPPED
    page = repairs.changed_page(repair, which=which, number=page_number())
    return render_template("poisoning_repair/images.html", row=row, repair=repair, page=page, which=which)


@bp.get("/<repair_id>/report.json")
def report_json(repair_id: str) -> Response:
    """The report for programs, as the API gives it."""
    row = artefact(ArtefactKind.REPAIR, repair_id)
    response = jsonify({"id": row.id, "name": row.name, **repairs.repair_of(row).report})
    response.headers["Content-Disposition"] = f'attachment; filename="repair-{row.id}.json"'
    return response


def _of_finding(finding_id: str) -> ResponseReturnValue:
    """What is confirmed of a finding, to be looked at once more before it is sent."""
    found = artefact(ArtefactKind.FINDING, finding_id)
    asked, form, changes = repairs.asked_of_finding(found), ConfirmedForm(), None
    row = artefact(ArtefactKind.DATASET, asked.dataset_id)
    sent = form.validate_on_submit()
    try:
        changes = repairs.changes_of(open_stored_dataset(row), asked)
        form.check_shown(asked.digest)
        if sent:
            return _ordered(asked, form)
    except _REFUSALS as e:
        form.form_errors.append(f"{e}.")
    told = {"found": found, "row": row, "form": form, "changes": changes, "finding_url": has_page(found)}
    page = render_template("poisoning_repair/confirm.html", **told, number=page_number())
    return page, 422 if form.is_submitted() else 200


def _of_named() -> ResponseReturnValue:
    """The choice of a data set, then the form of images that are named; a sent one is counted where asked so."""
    choice = SuspectedSetForm(request.args)
    offer(choice.dataset, labelled_datasets())
    if not choice.dataset.data:
        return render_template("poisoning_repair/new.html", choice=choice, row=None)
    row = artefact(ArtefactKind.DATASET, choice.dataset.data)
    dataset, form, changes = open_stored_dataset(row), NamedImagesForm(), None
    form.suit(dataset, classifiers_of(row.id), trusted_for(dataset))
    if form.validate_on_submit():
        try:
            asked = RepairAsked(dataset_id=row.id, **form.changes())
            changes = repairs.changes_of(dataset, asked)
            if request.form.get("do") != "count":
                return _ordered(asked, form)
        except _REFUSALS as e:
            form.form_errors.append(f"{e}.")
    page = render_template("poisoning_repair/new.html", choice=choice, row=row, form=form, changes=changes)
    return page, 422 if form.errors else 200


def _ordered(asked: RepairAsked, form: ConfirmedForm | NamedImagesForm) -> ResponseReturnValue:
    job = orders.repair_poison(asked, name=form.name.data, settings=form.settings(), owner_id=user_id())
    return redirect(url_for("jobs.show", job_id=job.id))
