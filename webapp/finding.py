"""Finding poison: the form of a search, what it found, and the decisions on its suspects."""

from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from datasets.unlabelled import check_labelled
from pipeline.errors import BadPoison, BadTraining
from pipeline.words import counted
from webapp import orders
from webapp.context import user_id
from webapp.forms.finding import DecisionForm, FindingForm, SuspectedSetForm
from webapp.forms.parts import offer
from webapp.jobs.finding import NAME
from webapp.problems import Refusal
from webapp.queries import suspects as found
from webapp.queries.artefacts import artefact, artefacts_page, labelled_datasets, named
from webapp.queries.contents import open_stored_dataset
from webapp.queries.finding import classifiers_of, clean_classifiers, poisoned_here, trainings_for
from webapp.queries.jobs import under_way
from webapp.queries.paging import cut, page_number
from webapp.queries.poisoning import run_that_made
from webapp.queries.trusted import trusted_for
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.suspects import Ruling
from webapp.suspects import UNDO, Decided, decide, flagged_by, undo

bp = Blueprint("poisoning_finding", __name__, url_prefix="/lab/poisoning/finding")

_DONE = {
    Ruling.DROP: "confirmed, to be dropped",
    Ruling.RELABEL: "confirmed, to be relabelled",
    Ruling.CLEAR: "cleared",
    UNDO: "undecided again",
}


@bp.get("/")
def index() -> str:
    """Every search, and those under way."""
    page = artefacts_page(ArtefactKind.FINDING, page_number())
    return render_template("poisoning/finding_list.html", page=page, jobs=under_way(NAME))


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """The choice of a data set, then the form of a search; a sent one becomes a job."""
    choice = SuspectedSetForm(request.args)
    offer(choice.dataset, labelled_datasets())
    if not choice.dataset.data:
        return render_template("poisoning/finding_new.html", choice=choice, row=None)
    row = artefact(ArtefactKind.DATASET, choice.dataset.data)
    check_labelled(row.name, row.facts["classes"])
    form = _form_for(row)
    if form.validate_on_submit():
        try:
            job = orders.find_poison(dataset_id=row.id, owner_id=user_id(), **form.order())
            return redirect(url_for("jobs.show", job_id=job.id))
        except (BadPoison, BadTraining) as e:
            form.form_errors.append(f"{e}.")
    epochs = None if form.epochs.errors else form.epochs.data
    told = {"trainings": trainings_for(row, form.trusted_id.choices, epochs), "epochs": epochs}
    page = render_template("poisoning/finding_new.html", choice=choice, row=row, form=form, **told)
    return page, 422 if form.errors else 200


@bp.get("/<finding_id>")
def show(finding_id: str) -> str:
    """What every finder flags, and one page of the suspects."""
    row = artefact(ArtefactKind.FINDING, finding_id)
    report, decided, asked = found.finding_of(row), found.decisions_of(row.id), _filters()
    counts, rows = found.counts_of(report, decided, finder=asked["finder"]), found.suspects_of(report, decided, **asked)
    # A repair takes what is confirmed, whoever flags it.
    confirmed = [one for one in decided.values() if one.decision is not Ruling.CLEAR]
    # What is decided leaves a list of the undecided: its last page may be gone when somebody comes back to it.
    number = min(page_number(), cut(rows, 1, size=found.SUSPECTS_PER_PAGE).n_pages)
    return render_template(
        "poisoning/finding.html",
        row=row,
        report=report,
        made={one.id: one for one in named([*row.parents, *_named(report)])},
        words=found.FINDERS,
        page=cut(rows, number, size=found.SUSPECTS_PER_PAGE),
        asked=asked,
        counts=counts,
        n_undecided=counts[found.UNDECIDED],
        n_confirmed=len(confirmed),
        run=run_that_made(report["dataset_id"]),
    )


@bp.post("/<finding_id>/decisions")
def decisions(finding_id: str) -> ResponseReturnValue:
    """Confirm, clear or leave undecided: suspects that are named, or all that a finder flags."""
    row, form = artefact(ArtefactKind.FINDING, finding_id), DecisionForm()
    if not form.validate():
        told = "; ".join(str(error) for errors in form.errors.values() for error in errors)
        detail = f"The decision cannot be read: {told}"
        raise Refusal(422, "bad_decision", "Decision not accepted", detail, "Go back and choose it again.")
    done = _decided(row, form)
    told_left = done.n_left and form.do.data == Ruling.RELABEL
    left = f" {done.n_left} have no other class suggested, and stay as they are." if told_left else ""
    flash(f"{counted(done.n_decided, 'image')} {_DONE[form.do.data]}.{left}")
    where: dict[str, Any] = {**_filters(), "page": page_number()}
    stays = where["decision"] == found.ANY and len(form.items.data or ()) == 1
    where["_anchor"] = f"item-{form.items.data[0]}" if stays else "suspects"
    return redirect(url_for("poisoning_finding.show", finding_id=row.id, **where))


@bp.get("/<finding_id>/report.json")
def report_json(finding_id: str) -> Response:
    """The report with all suspects, for programs."""
    row = artefact(ArtefactKind.FINDING, finding_id)
    response = jsonify({"id": row.id, **found.finding_of(row)})
    response.headers["Content-Disposition"] = f'attachment; filename="finding-{row.id}.json"'
    return response


def _form_for(row: Artefact) -> FindingForm:
    """The form with what there is for a data set; what the address names is chosen."""
    form = FindingForm()
    form.suit(classifiers=classifiers_of(row.id), trusted=trusted_for(open_stored_dataset(row)))
    form.beside(clean_classifiers(row) if poisoned_here(row) else None)
    if not form.is_submitted():
        for field, name in ((form.classifier_id, "classifier"), (form.trusted_id, "trusted")):
            if request.args.get(name) in {one.value for one in field.choices}:
                field.data = request.args[name]
    return form


def _decided(row: Artefact, form: DecisionForm) -> Decided:
    """Do what a form asks for; one image is refused where it cannot be relabelled so, of several it is left out."""
    back, items = form.do.data == UNDO, list(form.items.data or ())
    if form.finder.data:
        items = flagged_by(row, form.finder.data, undecided=not back)
        if not items:
            return Decided(0, 0)
    if back:
        return undo(row, items)
    several = bool(form.finder.data) or len(items) > 1
    return decide(row, items, Ruling(form.do.data), by=current_user.email, label=form.label.data, skip=several)


def _filters() -> dict[str, str]:
    """Which suspects the address asks for; what it cannot mean is as usual."""
    finder, decision = request.args.get("finder", found.FUSED), request.args.get("decision", found.ANY)
    return {
        "finder": finder if finder in (*found.FINDERS, found.ANY) else found.FUSED,
        "decision": decision if decision in found.DECISIONS else found.ANY,
    }


def _named(report: dict[str, object]) -> list[str]:
    beside = report["unpoisoned"]
    return [str(one) for one in beside.values() if isinstance(one, str)] if isinstance(beside, dict) else []
