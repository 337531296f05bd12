"""The images of data sets: list those of a class and a split, and read one as a picture."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, url_for
from flask.typing import ResponseReturnValue

from datasets.store import Dataset
from pipeline.errors import BadPoison
from pipeline.pictures import shown_png
from pipeline.poisoning.classes import class_number
from webapp.api import image_schemas, schemas
from webapp.api.documented import documented
from webapp.errors import UnknownRecord
from webapp.queries.artefacts import artefact
from webapp.queries.contents import open_stored_dataset
from webapp.queries.galleries import gallery
from webapp.records.artefacts import ArtefactKind

bp = APIBlueprint("api_images", __name__, url_prefix="/api/v1/datasets", tag="Images")


@bp.get("/<dataset_id>/images")
@bp.input(image_schemas.ImagesAsked, location="query")
@bp.output(image_schemas.ImagesTold)
@documented(bp, 404, 422)
def index(dataset_id: str, query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the images of a class and of a split, or all of them, in the order of the data set."""
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, dataset_id))
    named = query_data["label"]
    label = _class(dataset, named) if named else None
    page = gallery(dataset, label=label, split=query_data["split"], number=query_data["page"]).page
    items = [
        {
            "index": one.index,
            "name": one.name,
            "label": one.label,
            "split": one.split,
            "image": url_for("api_images.image", dataset_id=dataset_id, item=one.index),
        }
        for one in page.rows
    ]
    return schemas.page_json(items, page.number, page.n_pages, page.n_total)


def _class(dataset: Dataset, named: str) -> int:
    try:
        return class_number(dataset, named)
    except BadPoison as e:  # Nothing is poisoned here: a class is looked for.
        raise UnknownRecord(f"{e}.") from e


@bp.get("/<dataset_id>/images/<int(max=2147483647):item>")
@documented(bp, 404)
def image(dataset_id: str, item: int) -> Response:
    """Read an image as a PNG."""
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, dataset_id))
    return Response(shown_png(dataset.levels(item), dataset.items[item].bits), mimetype="image/png")
