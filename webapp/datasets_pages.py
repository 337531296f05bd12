"""Data sets: list, upload, one in detail."""

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pipeline.pictures import shown_png
from webapp import orders
from webapp.context import user_id
from webapp.forms.datasets import DatasetForm
from webapp.queries.artefacts import artefact, artefacts_page
from webapp.queries.contents import dataset_view, open_stored_dataset, thumbnails
from webapp.queries.galleries import gallery
from webapp.queries.paging import page_number
from webapp.records.artefacts import ArtefactKind
from webapp.uploads import keep_upload, takes

bp = Blueprint("datasets", __name__, url_prefix="/datasets")


@bp.get("/")
def index() -> str:
    """Every data set."""
    return render_template("datasets/list.html", page=artefacts_page(ArtefactKind.DATASET, page_number()))


@bp.route("/new", methods=["GET", "POST"])
@takes("max_upload_bytes")
def new() -> ResponseReturnValue:
    """The form of a data set; a sent one becomes a job."""
    form = DatasetForm()
    if not form.validate_on_submit():
        return render_template("datasets/new.html", form=form), 422 if form.errors else 200
    upload = keep_upload(form.files.data, owner_id=user_id())
    job = orders.import_dataset(
        upload_id=upload.id,
        name=form.name.data,
        seed=form.seed.data,
        unlabelled=form.unlabelled.data,
        owner_id=user_id(),
    )
    flash("The file has arrived. It is being imported.")
    return redirect(url_for("jobs.show", job_id=job.id))


@bp.get("/<dataset_id>")
def show(dataset_id: str) -> str:
    """One data set: classes and splits, findings, pictures."""
    row = artefact(ArtefactKind.DATASET, dataset_id)
    dataset = open_stored_dataset(row)
    view = dataset_view(dataset, kind=request.args.get("kind", ""), number=page_number())
    return render_template("datasets/show.html", row=row, view=view, thumbs=thumbnails(dataset))


@bp.get("/<dataset_id>/images")
def images(dataset_id: str) -> str:
    """The images of a class, of a split, or all of them, each under its label and leading to its picture."""
    row = artefact(ArtefactKind.DATASET, dataset_id)
    label = request.args.get("label", type=int)
    shown = gallery(open_stored_dataset(row), label=label, split=request.args.get("split", ""), number=page_number())
    return render_template("datasets/images.html", row=row, shown=shown, label=label)


@bp.get("/<dataset_id>/images/<int:index>")
def image(dataset_id: str, index: int) -> Response:
    """One image of a data set."""
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, dataset_id))
    return Response(shown_png(dataset.levels(index), dataset.items[index].bits), mimetype="image/png")
