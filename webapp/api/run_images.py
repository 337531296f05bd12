"""The images of a run of the poisoning lab: what each model says of test images, what was done to training images."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, abort, url_for
from flask.typing import ResponseReturnValue

from pipeline.poisoning.examples import Tested, Trained
from webapp.api import run_image_schemas, schemas
from webapp.api.documented import documented
from webapp.queries import poisoned_images as images
from webapp.queries.artefacts import artefact
from webapp.queries.poisoning import run_of
from webapp.records.artefacts import ArtefactKind

bp = APIBlueprint("api_run_images", __name__, url_prefix="/api/v1/poisoning/runs", tag="Images of a run")

_PER_PAGE = 24


@bp.get("/<run_id>/tests")
@bp.input(run_image_schemas.RunTestsAsked, location="query")
@bp.output(run_image_schemas.RunTests)
@documented(bp, 404, 422)
def tests(run_id: str, query_data: dict[str, Any]) -> ResponseReturnValue:
    """List test images with what each model of a run says of them, or one of them by its number.

    A seed draws their order; the same one draws the same. Of a backdoor every model is asked with the trigger on as
    well.
    """
    run = run_of(artefact(ArtefactKind.POISONING, run_id))
    if query_data["item"] is not None:
        return schemas.page_json([_test(run_id, images.tested_item(run, query_data["item"]))], 1, 1, 1)
    which, seed, number = (query_data[name] for name in ("which", "seed", "page"))
    page = images.page_of_tests(run, seed=seed, which=which, number=number, size=_PER_PAGE)
    return schemas.page_json([_test(run_id, one) for one in page.rows], page.number, page.n_pages, page.n_total)


@bp.get("/<run_id>/training")
@bp.input(run_image_schemas.RunTrainingAsked, location="query")
@bp.output(run_image_schemas.RunTraining)
@documented(bp, 404, 422)
def training(run_id: str, query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the training images that a run flipped or stamped, or all of them with a mark on those.

    With a perturbation these are the images of the perturbed backdoor, not those of its control. A run keeps no answers
    to training images.
    """
    run = run_of(artefact(ArtefactKind.POISONING, run_id))
    which, number = query_data["which"], query_data["page"]
    page = images.trained_page(run, which=which, number=number, size=_PER_PAGE)
    return schemas.page_json([_training(run_id, one) for one in page.rows], page.number, page.n_pages, page.n_total)


@bp.get("/<run_id>/images/<int(max=2147483647):item>/<side>")
@documented(bp, 404)
def image(run_id: str, item: int, side: str) -> Response:
    """Read an image of a run as a PNG.

    Its sides are `clean`, `stamped` and `tested` (with the trigger as in training, and as on test images), `poisoned`
    (as the poisoned model was given it) and `difference`.
    """
    if side not in images.SIDES:
        abort(404)
    run = run_of(artefact(ArtefactKind.POISONING, run_id))
    return Response(images.run_picture(run, item, side), mimetype="image/png")


def _test(run_id: str, one: Tested) -> dict[str, Any]:
    stamped = _picture(run_id, one.index, "tested") if one.triggered else None
    return {**one.to_json(), "image": _picture(run_id, one.index, "clean"), "image_with_trigger": stamped}


def _training(run_id: str, one: Trained) -> dict[str, Any]:
    return {
        **one.to_json(),
        "image": _picture(run_id, one.index, "poisoned"),
        "image_clean": _picture(run_id, one.index, "clean"),
        "image_difference": _picture(run_id, one.index, "difference") if one.stamped else None,
    }


def _picture(run_id: str, index: int, side: str) -> str:
    return url_for("api_run_images.image", run_id=run_id, item=index, side=side)
