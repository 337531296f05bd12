"""Repairs of poisoned data: order them, and read what they gained."""

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from pipeline.errors import BadPoison
from pipeline.poisoning.classes import class_number
from webapp import orders
from webapp.api import repair_schemas, schemas
from webapp.api.admin import take_json_only, told_artefact
from webapp.api.authentication import calling_key
from webapp.api.documented import documented
from webapp.api.orders import accepted
from webapp.queries.artefacts import artefact, artefacts_page
from webapp.queries.contents import open_stored_dataset
from webapp.queries.repairs import RepairAsked, asked_of_finding, repair_of
from webapp.records.artefacts import ArtefactKind

bp = APIBlueprint("api_poisoning_repair", __name__, url_prefix="/api/v1/poisoning/repairs", tag="Repair")
bp.before_request(take_json_only)

_NAMED = ("dataset_id", "classifier_id", "drop", "relabel", "trusted_id")


@bp.post("")
@bp.input(repair_schemas.NewRepair, example=repair_schemas.NAMED_EXAMPLE)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 415, 422)
def order(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Drop and relabel images in a copy of a data set, train a classifier on it, and verify everything again.

    What the job makes is the repair, by its `artefact_id`. Of a finding, what is confirmed now is repaired; what is
    confirmed later changes nothing.
    """
    asked = _of_named(json_data) if json_data["finding_id"] is None else _of_finding(json_data)
    settings = {} if json_data["epochs"] is None else {"epochs": json_data["epochs"]}
    owner_id = calling_key().owner_id
    return accepted(orders.repair_poison(asked, name=json_data["name"], settings=settings, owner_id=owner_id))


@bp.get("")
@bp.input(schemas.ListOf, location="query")
@bp.output(schemas.ArtefactPage)
@documented(bp)
def index(query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the repairs that are done, newest first."""
    page = artefacts_page(ArtefactKind.REPAIR, query_data["page"])
    return schemas.page_json([told_artefact(row) for row in page.rows], page.number, page.n_pages, page.n_total)


@bp.get("/<repair_id>")
@bp.output(repair_schemas.RepairTold)
@documented(bp, 404)
def show(repair_id: str) -> ResponseReturnValue:
    """Read the report of a repair."""
    row = artefact(ArtefactKind.REPAIR, repair_id)
    return {"id": row.id, "name": row.name, **repair_of(row).report}


def _of_finding(body: dict[str, Any]) -> RepairAsked:
    """What is confirmed of the finding that the body names.

    Raises:
        BadPoison: it names images as well.
        UnknownRecord: there is no such finding.
    """
    if given := [name for name in _NAMED if body[name] is not None]:
        raise BadPoison(f"a finding and {', '.join(given)} are given; leave these out, or name no finding")
    return asked_of_finding(artefact(ArtefactKind.FINDING, body["finding_id"]))


def _of_named(body: dict[str, Any]) -> RepairAsked:
    """What the body itself names.

    Raises:
        BadPoison: no data set or classifier is named, or a class that is not there.
        UnknownRecord: there is no such data set.
    """
    if missing := [name for name in ("dataset_id", "classifier_id") if body[name] is None]:
        raise BadPoison(f"no {' and no '.join(missing)}; name both, or a finding_id")
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, body["dataset_id"]))
    relabel: dict[int, int] = {}
    for item, name in (body["relabel"] or {}).items():
        if not (item.isascii() and item.isdecimal()):
            raise BadPoison(f"relabel: {item!r} is no number of an image; give digits alone, such as 17")
        if int(item) in relabel:
            raise BadPoison(f"relabel: item {int(item)} is named twice; name it once")
        relabel[int(item)] = class_number(dataset, name)
    named = {name: body[name] for name in ("dataset_id", "classifier_id", "trusted_id")}
    return RepairAsked(**named, drop=sorted(set(body["drop"] or [])), relabel=relabel)
