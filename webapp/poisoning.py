"""The poisoning lab: its runs, the forms of a new one, and what a run found."""

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from datasets.errors import UnknownItem
from pipeline.detector_report.drawing import HEIGHT, WIDTH, drawing
from pipeline.errors import BadClassifier, BadPoison, BadTraining
from webapp import orders
from webapp.context import user_id
from webapp.forms.flips import FLIPPED_OF, FlipForm
from webapp.forms.parts import offer
from webapp.forms.poisoning import BackdoorForm, CleanSetForm
from webapp.jobs.poisoning import LABS
from webapp.problems import Refusal
from webapp.queries import poisoned_images as images
from webapp.queries.artefacts import artefact, artefacts_page, named
from webapp.queries.contents import open_stored_dataset
from webapp.queries.jobs import under_way
from webapp.queries.paging import page_number
from webapp.queries.poisoning import (
    clean_datasets,
    hardened_proxy,
    made_before_by,
    originals,
    proxies,
    run_of,
    shares_of,
    textbook,
    textbook_offer,
    training_counts,
)
from webapp.records.artefacts import ArtefactKind

bp = Blueprint("poisoning", __name__, url_prefix="/lab/poisoning")

_REFUSALS = (BadPoison, BadTraining, BadClassifier)
_FEW = 4


@bp.get("/")
def index() -> str:
    """Every run, those under way, and the ways to a new one."""
    page = artefacts_page(ArtefactKind.POISONING, page_number())
    return render_template("poisoning/list.html", page=page, jobs=under_way(*LABS))


@bp.route("/flips/new", methods=["GET", "POST"])
def new_flips() -> ResponseReturnValue:
    """The choice of a data set, then the form of flipped labels; a sent one becomes a job."""
    choice = _choice()
    if not choice.dataset.data:
        return render_template("poisoning/flips_new.html", choice=choice, row=None)
    row = artefact(ArtefactKind.DATASET, choice.dataset.data)
    dataset, form = open_stored_dataset(row), FlipForm()
    form.suit(dataset)
    form.offer_originals(originals(row.id))
    if form.validate_on_submit():
        try:
            order = {**form.chosen(), "recipe": form.recipe()}
            job = orders.flip_labels(dataset_id=row.id, owner_id=user_id(), **order)
            return redirect(url_for("jobs.show", job_id=job.id))
        except _REFUSALS as e:
            form.form_errors.append(f"{e}.")
    page = render_template("poisoning/flips_new.html", choice=choice, row=row, form=form, flipped_of=FLIPPED_OF)
    return page, 422 if form.errors else 200


@bp.route("/backdoors/new", methods=["GET", "POST"])
def new_backdoor() -> ResponseReturnValue:
    """The choice of a data set, then the form of a trigger; a sent one becomes a job, or is counted where asked so."""
    choice = _choice()
    if not choice.dataset.data:
        return render_template("poisoning/backdoor_new.html", choice=choice, row=None)
    row = artefact(ArtefactKind.DATASET, choice.dataset.data)
    dataset, form = open_stored_dataset(row), BackdoorForm()
    form.suit(dataset, proxies(dataset))
    form.offer_originals(originals(row.id))
    sent = form.validate_on_submit()
    shares = None
    try:
        if sent and request.form.get("do") != "count":
            job = orders.plant_backdoor(dataset_id=row.id, owner_id=user_id(), **form.order())
            return redirect(url_for("jobs.show", job_id=job.id))
        shares = shares_of(dataset, form.recipe()) if sent or not form.is_submitted() else None
    except _REFUSALS as e:
        form.form_errors.append(f"{e}.")
    hardened = hardened_proxy(dataset)
    by_book = textbook_offer(dataset, hardened)
    told = {"shares": shares, "counts": training_counts(dataset), "hardened": hardened, "textbook": by_book}
    page = render_template("poisoning/backdoor_new.html", choice=choice, row=row, form=form, **told)
    return page, 422 if form.errors else 200


@bp.post("/backdoors/textbook/<dataset_id>")
def textbook_backdoor(dataset_id: str) -> ResponseReturnValue:
    """Order the textbook's backdoor with one click."""
    job = orders.plant_backdoor(owner_id=user_id(), **textbook(artefact(ArtefactKind.DATASET, dataset_id)))
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.get("/<run_id>")
def show(run_id: str) -> str:
    """What a run found."""
    row = artefact(ArtefactKind.POISONING, run_id)
    run = run_of(row)
    return render_template(
        "poisoning/show.html",
        row=row,
        run=run,
        made={one.id: one for one in named(list(row.parents))},
        tested=images.page_of_tests(run, seed=0, which=images.CHANGED, number=1, size=_FEW),
        trained=images.trained_page(run, which=images.POISONED, number=1, size=_FEW),
        before=made_before_by(run),
        drawing=drawing,
        plane=(WIDTH, HEIGHT),
    )


@bp.post("/<run_id>/replay")
def replay(run_id: str) -> ResponseReturnValue:
    """Make the poisoned data of a run again from its record, as a job; its outcome stands on the run's page."""
    row, train_again = artefact(ArtefactKind.POISONING, run_id), "train_again" in request.form
    job = orders.replay_poison(row, train_again=train_again, owner_id=user_id())
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.get("/<run_id>/tests")
def tests(run_id: str) -> ResponseReturnValue:
    """Test images with what each model says: drawn by the seed in the address, or the one that it names."""
    row = artefact(ArtefactKind.POISONING, run_id)
    run, seed = run_of(row), max(0, min(request.args.get("seed", 0, type=int), 2**31 - 1))
    which = images.CHANGED if request.args.get("which") == images.CHANGED else images.ALL
    item, found, refusal = request.args.get("item", "").strip(), None, None
    try:
        found = images.tested_item(run, int(item)) if item else None
    except UnknownItem as e:
        refusal = str(e)
    except ValueError:
        refusal = f"{item} is no number of an image; give digits alone."
    page = images.page_of_tests(run, seed=seed, which=which, number=page_number())
    told = {"item": item, "found": found, "refusal": refusal, "seed": seed, "which": which}
    return render_template("poisoning/tests.html", row=row, run=run, page=page, **told), 404 if refusal else 200


@bp.get("/<run_id>/training")
def training(run_id: str) -> str:
    """The training images that were poisoned, marked, or all of them."""
    row = artefact(ArtefactKind.POISONING, run_id)
    run = run_of(row)
    which = images.ALL if request.args.get("which") == images.ALL else images.POISONED
    page = images.trained_page(run, which=which, number=page_number())
    return render_template("poisoning/training.html", row=row, run=run, page=page, which=which)


@bp.get("/<run_id>/images/<int(max=2147483647):number>/<side>")
def image(run_id: str, number: int, side: str) -> Response:
    """One image of a run as a picture."""
    if side not in images.SIDES:
        abort(404)
    run = run_of(artefact(ArtefactKind.POISONING, run_id))
    return Response(images.run_picture(run, number, side), mimetype="image/png")


@bp.get("/<run_id>/report.json")
def report_json(run_id: str) -> Response:
    """The report for programs, as the API gives it."""
    row = artefact(ArtefactKind.POISONING, run_id)
    response = jsonify({"id": row.id, "name": row.name, **run_of(row).report})
    response.headers["Content-Disposition"] = f'attachment; filename="poisoning-{row.id}.json"'
    return response


def _choice() -> CleanSetForm:
    """The data set that the address names, and those that there are.

    Raises:
        Refusal: it names one that cannot be poisoned.
    """
    choice = CleanSetForm(request.args)
    rows = clean_datasets()
    offer(choice.dataset, rows)
    chosen = choice.dataset.data
    if chosen and chosen not in {row.id for row in rows}:
        row = artefact(ArtefactKind.DATASET, chosen)
        detail = f"{row.name} is poisoned already, or has no labels."
        raise Refusal(422, "bad_poison", "Data set not accepted", detail, "Choose a clean data set with labels.")
    return choice
