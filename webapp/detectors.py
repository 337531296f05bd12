"""Detectors: list, train, one in detail with its report; one judged again, attacked by who knows it, recalibrated."""

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pipeline.detection.local_scans import offered_rates
from pipeline.detector_report.document import document
from pipeline.detector_report.drawing import HEIGHT, WIDTH, drawing
from pipeline.errors import BadDetector
from webapp import orders
from webapp.context import user_id
from webapp.forms.attacking import AttackForm
from webapp.forms.detectors import DetectorForm
from webapp.forms.parts import offer
from webapp.forms.rates import JudgingForm
from webapp.forms.recalibration import LocalScansForm, RecalibrationForm
from webapp.queries.artefacts import artefact, artefacts_of, artefacts_page, detectors_beside, named
from webapp.queries.contents import detector_cells
from webapp.queries.detector_report import (
    detector_pdf,
    detector_report,
    detector_standing,
    kept_from,
    rate_of_report,
    sets_beside,
)
from webapp.queries.paging import page_number
from webapp.queries.recalibration import local_offer
from webapp.records.artefacts import ArtefactKind

bp = Blueprint("detectors", __name__, url_prefix="/detectors")


@bp.get("/")
def index() -> str:
    """Every detector."""
    return render_template("detectors/list.html", page=artefacts_page(ArtefactKind.DETECTOR, page_number()))


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """The form of a training; a sent one becomes a job."""
    form = DetectorForm()
    form.offer_sets(artefacts_of(ArtefactKind.ADVERSARIAL), chosen=request.args.get("adversarial"))
    if not form.validate_on_submit():
        return render_template("detectors/new.html", form=form), 422 if form.errors else 200
    try:
        job = orders.train_detector(
            adversarial_id=form.adversarial_id.data,
            name=form.name.data,
            training=form.training(),
            owner_id=user_id(),
        )
    except BadDetector as e:
        # What only the set shows; the form keeps what was chosen.
        form.form_errors.append(f"{e}.")
        return render_template("detectors/new.html", form=form), 422
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.get("/<detector_id>")
def show(detector_id: str) -> str:
    """One detector: how it does on each attack."""
    row = artefact(ArtefactKind.DETECTOR, detector_id)
    return render_template(
        "detectors/show.html",
        row=row,
        parents=named(row.parents),
        cells=detector_cells(row),
        not_shown=kept_from(row).words,
        standing=detector_standing(row),
        choice=_choice(),
    )


@bp.get("/<detector_id>/report")
def report(detector_id: str) -> str:
    """Everything that was measured of one detector."""
    row = artefact(ArtefactKind.DETECTOR, detector_id)
    found = detector_report(row)
    return render_template(
        "detectors/report.html",
        row=row,
        report=document(found),
        sets={one.id for one in named([str(found.static.facts["adversarial_id"])])},
        drawing=drawing,
        plane=(WIDTH, HEIGHT),
    )


@bp.get("/<detector_id>/report.pdf")
def report_pdf(detector_id: str) -> Response:
    """The same as a PDF."""
    row = artefact(ArtefactKind.DETECTOR, detector_id)
    return _file(Response(detector_pdf(detector_report(row)), mimetype="application/pdf"), f"detector-{row.id}.pdf")


@bp.get("/<detector_id>/report.json")
def report_json(detector_id: str) -> Response:
    """The same for programs, as the API gives it."""
    row = artefact(ArtefactKind.DETECTOR, detector_id)
    return _file(jsonify(detector_report(row).to_json()), f"detector-{row.id}.json")


@bp.route("/<detector_id>/evaluate", methods=["GET", "POST"])
def evaluate(detector_id: str) -> ResponseReturnValue:
    """The sets on which, and the rates at which a detector can be judged; what is sent becomes a job."""
    row = artefact(ArtefactKind.DETECTOR, detector_id)
    n, form = row.facts["n_calibration"], JudgingForm()
    rates = offered_rates(n)
    form.offer_rates(rates, n)
    form.offer_sets(sets_beside(row))
    if not form.validate_on_submit():
        return render_template("detectors/evaluate.html", row=row, form=form, rates=rates), 422 if form.errors else 200
    alpha = form.alpha.data if "alpha" in form else None
    other_id = form.adversarial_id.data or None
    job = orders.evaluate_detector(detector_id=row.id, alpha=alpha, adversarial_id=other_id, owner_id=user_id())
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.route("/<detector_id>/attack", methods=["GET", "POST"])
def attack(detector_id: str) -> ResponseReturnValue:
    """The form of attackers who know a detector; a sent one becomes a job."""
    row = artefact(ArtefactKind.DETECTOR, detector_id)
    form = AttackForm()
    form.suit(n_calibration=row.facts["n_calibration"], alpha=rate_of_report(row), others=detectors_beside(row))
    if not form.validate_on_submit():
        return render_template("detectors/attack.html", row=row, form=form), 422 if form.errors else 200
    job = orders.attack_detector(detector_id=row.id, **form.order(), owner_id=user_id())
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.route("/<detector_id>/recalibrate", methods=["GET", "POST"])
def recalibrate(detector_id: str) -> ResponseReturnValue:
    """What the clean scans in the address support, and the form of a recalibration; a sent one becomes a job."""
    row, choice = artefact(ArtefactKind.DETECTOR, detector_id), _choice()
    dataset_id, splits = choice.dataset_id.data, choice.splits.data or []
    found = local_offer(row, dataset_id, splits) if dataset_id else None
    form = RecalibrationForm()
    if found and found.scans:
        form.offer_rates(found.rates, found.scans.n)
        if form.validate_on_submit():
            job = orders.recalibrate_detector(
                detector_id=row.id,
                dataset_id=found.dataset.id,
                splits=splits,
                name=form.name.data,
                alpha=form.alpha.data,
                owner_id=user_id(),
            )
            return redirect(url_for("jobs.show", job_id=job.id))
    status = 422 if form.errors or (found and found.refusal) else 200
    return render_template("detectors/recalibrate.html", row=row, choice=choice, found=found, form=form), status


def _file(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _choice() -> LocalScansForm:
    """The clean scans that the address names, and those that there are."""
    choice = LocalScansForm(request.args)
    offer(choice.dataset_id, artefacts_of(ArtefactKind.DATASET))
    return choice
