"""The poisoning lab: order runs, and read what they found."""

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from pipeline.poisoning.classes import class_number
from webapp import orders
from webapp.api import poisoning_schemas, schemas
from webapp.api.admin import take_json_only, told_artefact
from webapp.api.authentication import calling_key
from webapp.api.documented import documented
from webapp.api.orders import accepted
from webapp.jobs.poisoning_asked import proxy_of_its_own
from webapp.queries.artefacts import artefact, artefacts_page
from webapp.queries.contents import open_stored_dataset
from webapp.queries.poisoning import made_before_by, run_of, textbook
from webapp.records.artefacts import ArtefactKind

bp = APIBlueprint("api_poisoning", __name__, url_prefix="/api/v1/poisoning", tag="Poisoning lab")
bp.before_request(take_json_only)

_FLIPS = ("kind", "ratio", "seed")
_BACKDOOR = ("trigger", "rate", "labels", "perturbation", "seed")


@bp.post("/flips")
@bp.input(poisoning_schemas.NewFlips, example=poisoning_schemas.FLIPS_EXAMPLE)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def flip_labels(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Train with and without flipped labels, and compare both classifiers on clean test images.

    What the job makes is the run, by its `artefact_id`. From a ratio of 0.45 on, its report has a `warning`: nothing in
    the data can tell flips from truth there.
    """
    numbers = _classes(json_data, "source", "target")
    recipe = {**{name: json_data[name] for name in _FLIPS}, **numbers}
    return accepted(orders.flip_labels(**_common(json_data), recipe=recipe))


@bp.post("/backdoors")
@bp.input(poisoning_schemas.NewBackdoor, example=poisoning_schemas.BACKDOOR_EXAMPLE)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def plant_backdoor(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Train with and without a trigger, and lay it on test images of both classifiers.

    `rate` is a share of all training images. With a `perturbation` the same without it is trained beside, as control.
    It needs a proxy: one that `proxy_id` names, or with `train_proxy` a hardened one that the run trains first.
    """
    recipe = {**{name: json_data[name] for name in _BACKDOOR}, **_classes(json_data, "target")}
    proxy = {"proxy_id": json_data["proxy_id"]}
    if json_data["train_proxy"]:
        proxy = proxy_of_its_own(open_stored_dataset(artefact(ArtefactKind.DATASET, json_data["dataset_id"])))
    more = {"strength": json_data["strength"], **proxy}
    return accepted(orders.plant_backdoor(**_common(json_data), **more, recipe=recipe))


@bp.post("/backdoors/textbook")
@bp.input(poisoning_schemas.NewTextbook, example=poisoning_schemas.TEXTBOOK_EXAMPLE)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def plant_textbook(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Plant the textbook's backdoor: 2x2 white pixels on 5 % of all images, for the first class.

    The images keep their labels and are perturbed; the same without perturbation is trained beside, as control. Where
    no hardened classifier of these classes is there to perturb them under, the run trains one first.
    """
    order = textbook(artefact(ArtefactKind.DATASET, json_data["dataset_id"]))
    asked = {"name": json_data["name"] or order["name"], **_settings(json_data)}
    return accepted(orders.plant_backdoor(**{**order, **asked}, owner_id=calling_key().owner_id))


@bp.get("/runs")
@bp.input(schemas.ListOf, location="query")
@bp.output(schemas.ArtefactPage)
@documented(bp)
def index(query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the runs that are done, newest first."""
    page = artefacts_page(ArtefactKind.POISONING, query_data["page"])
    return schemas.page_json([told_artefact(row) for row in page.rows], page.number, page.n_pages, page.n_total)


@bp.get("/runs/<run_id>")
@bp.output(poisoning_schemas.RunTold)
@documented(bp, 404)
def show(run_id: str) -> ResponseReturnValue:
    """Read the report of a run."""
    row = artefact(ArtefactKind.POISONING, run_id)
    run = run_of(row)
    more = {"replay": row.facts.get("replay"), "made_before_by": made_before_by(run)}
    return {"id": row.id, "name": row.name, **run.report, **more}


@bp.post("/runs/<run_id>/replay")
@bp.input(poisoning_schemas.Replay, example=poisoning_schemas.REPLAY_EXAMPLE)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def replay(run_id: str, json_data: dict[str, Any]) -> ResponseReturnValue:
    """Make the poisoned data of a run again from its record, beside the others, and compare.

    What comes of it stands in the run as `replay`: whether every data set is bit-equal, or what differs, and with
    `train_again` the same of the classifiers' weights. Nothing that is made again is kept. No body asks for the data
    alone.
    """
    row = artefact(ArtefactKind.POISONING, run_id)
    return accepted(orders.replay_poison(row, train_again=json_data["train_again"], owner_id=calling_key().owner_id))


def _common(body: dict[str, Any]) -> dict[str, Any]:
    named = {name: body[name] for name in ("dataset_id", "name", "original_id")}
    return {**named, **_settings(body), "owner_id": calling_key().owner_id}


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    return {"settings": {} if body["epochs"] is None else {"epochs": body["epochs"]}}


def _classes(body: dict[str, Any], *names: str) -> dict[str, int | None]:
    """The numbers of these classes in the data set of the order.

    Raises:
        BadPoison: a class that it does not have.
        UnknownRecord: there is no such data set.
    """
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, body["dataset_id"]))
    return {name: None if body[name] is None else class_number(dataset, body[name]) for name in names}
