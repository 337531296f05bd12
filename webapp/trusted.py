"""Trusted subsets: images to look at and vouch for, and those that somebody vouches for."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from datasets.unlabelled import check_labelled
from pipeline.errors import BadPoison
from webapp.context import user_id
from webapp.forms.trusted import VouchForm, draw_asked
from webapp.queries.artefacts import artefact, artefacts_page
from webapp.queries.contents import open_stored_dataset
from webapp.queries.paging import page_number
from webapp.queries.trusted import proposal, subset_of, vouched_page
from webapp.records.artefacts import ArtefactKind
from webapp.vouching import vouch

bp = Blueprint("trusted", __name__, url_prefix="/trusted-subsets")


@bp.get("/")
def index() -> str:
    """Every trusted subset."""
    return render_template("trusted/list.html", page=artefacts_page(ArtefactKind.TRUSTED, page_number()))


@bp.route("/new/<dataset_id>", methods=["GET", "POST"])
def new(dataset_id: str) -> ResponseReturnValue:
    """Images of a data set to be looked at; whoever is signed in vouches for those that are ticked."""
    row = artefact(ArtefactKind.DATASET, dataset_id)
    dataset, draw, form = open_stored_dataset(row), draw_asked(request.args), VouchForm()
    check_labelled(dataset.name, dataset.classes)
    asked = {"n_per_class": draw.per_class.data, "seed": draw.seed.data} if draw.validate() else {}
    proposed = proposal(dataset, **asked)
    form.suit(one.index for _, some in proposed for one in some)
    if form.validate_on_submit() and not draw.errors:
        try:
            made = vouch(row, form.ticked(), by=current_user.email, owner_id=user_id())
            flash("Written into the data set's signed history, under your name.")
            return redirect(url_for("trusted.show", trusted_id=made.id))
        except BadPoison as e:
            form.form_errors.append(f"{e}.")
    told = {"proposed": proposed, "ticked": form.ticked()}
    page = render_template("trusted/new.html", row=row, draw=draw, form=form, **told)
    return page, 422 if form.errors or draw.errors else 200


@bp.get("/<trusted_id>")
def show(trusted_id: str) -> str:
    """Who vouches for which images."""
    row = artefact(ArtefactKind.TRUSTED, trusted_id)
    subset = subset_of(row)
    dataset = artefact(ArtefactKind.DATASET, subset.dataset_id)
    page = vouched_page(row, number=page_number())
    return render_template("trusted/show.html", row=row, subset=subset, dataset=dataset, page=page)
