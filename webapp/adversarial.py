"""Adversarial sets: list, build, one in detail."""

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pipeline.errors import BadRecipe
from webapp import orders
from webapp.context import user_id
from webapp.forms.adversarial import AdversarialForm
from webapp.forms.parts import offer
from webapp.queries.adversarial import SIDES, adversarial_view, picture
from webapp.queries.artefacts import artefact, artefacts_of, artefacts_page, labelled_datasets, named
from webapp.queries.paging import page_number
from webapp.records.artefacts import ArtefactKind

bp = Blueprint("adversarial", __name__, url_prefix="/adversarial-sets")


@bp.get("/")
def index() -> str:
    """Every adversarial set."""
    return render_template("adversarial/list.html", page=artefacts_page(ArtefactKind.ADVERSARIAL, page_number()))


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """The form of a recipe; a sent one becomes a job."""
    form = AdversarialForm()
    offer(form.dataset_id, labelled_datasets())
    offer(form.classifier_id, artefacts_of(ArtefactKind.CLASSIFIER), chosen=request.args.get("classifier"))
    if not form.validate_on_submit():
        return render_template("adversarial/new.html", form=form), 422 if form.errors else 200
    try:
        job = orders.build_adversarial(
            dataset_id=form.dataset_id.data,
            classifier_id=form.classifier_id.data,
            name=form.name.data,
            recipe=form.recipe(),
            owner_id=user_id(),
        )
    except BadRecipe as e:
        # What only the whole recipe shows; the form keeps what was typed.
        form.attacks.errors = [*form.attacks.errors, str(e)]
        return render_template("adversarial/new.html", form=form), 422
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.get("/<set_id>")
def show(set_id: str) -> str:
    """One adversarial set: what came of each attack, and pictures."""
    row = artefact(ArtefactKind.ADVERSARIAL, set_id)
    view = adversarial_view(row, number=page_number())
    return render_template("adversarial/show.html", row=row, parents=named(row.parents), view=view)


@bp.get("/<set_id>/images/<int:index>/<side>")
def image(set_id: str, index: int, side: str) -> Response:
    """One row as a picture: the clean image, the attacked one, or their difference."""
    if side not in SIDES:
        abort(404)
    row = artefact(ArtefactKind.ADVERSARIAL, set_id)
    return Response(picture(row, index, side), mimetype="image/png")
