"""Finding poison: order a search, read what the finders flag, page through the suspects, and decide on them."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, url_for
from flask.typing import ResponseReturnValue

from pipeline.poisoning.classes import class_number
from webapp import orders
from webapp.api import finding_schemas, schemas
from webapp.api.admin import take_json_only, told_artefact
from webapp.api.authentication import calling_key
from webapp.api.documented import documented
from webapp.api.orders import accepted
from webapp.queries.artefacts import artefact, artefacts_page
from webapp.queries.contents import open_stored_dataset
from webapp.queries.paging import cut
from webapp.queries.suspects import (
    SUSPECTS_PER_PAGE,
    Suspect,
    counts_of,
    decisions_of,
    finding_of,
    suspect_png,
    suspects_of,
)
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.suspects import Ruling
from webapp.suspects import UNDO, Decided, decide, flagged_by, undo

bp = APIBlueprint("api_finding", __name__, url_prefix="/api/v1/poisoning/findings", tag="Finding poison")
bp.before_request(take_json_only)

_TOLD = ("dataset_id", "classifier_id", "trusted_id", "classes", "n", "n_poisoned", "unpoisoned", "finders")


@bp.post("")
@bp.input(finding_schemas.NewFinding, example=finding_schemas.FINDING_EXAMPLE)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 415, 422)
def find_poison(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Ask every finder of poison about the training images of a data set.

    Where the lab poisoned it, every finder is asked about the same data unpoisoned as well. What the job makes is the
    search, by its `artefact_id`.
    """
    epochs = json_data.pop("epochs")
    settings = {} if epochs is None else {"epochs": epochs}
    return accepted(orders.find_poison(**json_data, settings=settings, owner_id=calling_key().owner_id))


@bp.get("")
@bp.input(schemas.ListOf, location="query")
@bp.output(schemas.ArtefactPage)
@documented(bp)
def index(query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the searches that are done, newest first."""
    page = artefacts_page(ArtefactKind.FINDING, query_data["page"])
    return schemas.page_json([told_artefact(row) for row in page.rows], page.number, page.n_pages, page.n_total)


@bp.get("/<finding_id>")
@bp.output(finding_schemas.FindingTold)
@documented(bp, 404)
def show(finding_id: str) -> ResponseReturnValue:
    """Read what every finder flags; its suspects are listed apart."""
    row = artefact(ArtefactKind.FINDING, finding_id)
    report = finding_of(row)
    told = {name: report[name] for name in _TOLD}
    # Searches of before this was asked do not say.
    told |= {"not_learned": report.get("not_learned"), "learning": report.get("learning", [])}
    told["trainings"] = report.get("trainings", {})
    return {"id": row.id, "name": row.name, "n_suspects": len(report["suspects"]), "decisions": _counts(row), **told}


@bp.get("/<finding_id>/suspects")
@bp.input(finding_schemas.SuspectsAsked, location="query")
@bp.output(finding_schemas.SuspectPage)
@documented(bp, 404)
def suspects(finding_id: str, query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the suspects of a finder (`any` for all) and of a decision, the most suspicious first."""
    row = artefact(ArtefactKind.FINDING, finding_id)
    report, number = finding_of(row), query_data.pop("page")
    page = cut(suspects_of(report, decisions_of(row.id), **query_data), number, size=SUSPECTS_PER_PAGE)
    items = [_suspect(one, row.id, report["classes"]) for one in page.rows]
    return schemas.page_json(items, page.number, page.n_pages, page.n_total)


@bp.get("/<finding_id>/suspects/<int(max=2147483647):item>/image")
@documented(bp, 404)
def image(finding_id: str, item: int) -> Response:
    """Read the picture of a suspect as a PNG."""
    report = finding_of(artefact(ArtefactKind.FINDING, finding_id))
    return Response(suspect_png(report, item), mimetype="image/png")


@bp.post("/<finding_id>/decisions")
@bp.input(finding_schemas.NewDecisions, example=finding_schemas.DECISIONS_EXAMPLE)
@bp.output(finding_schemas.DecidedTold)
@documented(bp, 404, 415, 422)
def make_decisions(finding_id: str, json_data: dict[str, Any]) -> ResponseReturnValue:
    """Confirm suspects by `drop` or `relabel`, `clear` them, or `undo` what was decided.

    By `items` an image without a suggested class is refused, where `label` is null; by `finder` it is left undecided.
    """
    row = artefact(ArtefactKind.FINDING, finding_id)
    done = _decided(row, json_data)
    return {"n_decided": done.n_decided, "n_left": done.n_left, "decisions": _counts(row)}


def _decided(row: Artefact, body: dict[str, Any]) -> Decided:
    back, items, label = body["decision"] == UNDO, body["items"], None
    if body["label"] is not None:
        dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, finding_of(row)["dataset_id"]))
        label = class_number(dataset, body["label"])
    by_finder = items is None
    if by_finder and not (items := flagged_by(row, body["finder"], undecided=not back)):
        return Decided(0, 0)
    if back:
        return undo(row, items)
    return decide(row, items, Ruling(body["decision"]), by=calling_key().owner.email, label=label, skip=by_finder)


def _counts(row: Artefact) -> dict[str, int]:
    return counts_of(finding_of(row), decisions_of(row.id))


def _suspect(one: Suspect, finding_id: str, classes: list[str]) -> dict[str, Any]:
    made = one.decision
    return {
        "item": one.index,
        "name": one.name,
        "label": classes[one.label],
        "suggested": None if one.suggested is None else classes[one.suggested],
        "score": one.score,
        "scores": dict(one.scores),
        "image": url_for("api_finding.image", finding_id=finding_id, item=one.index),
        "flagged_by": list(one.flagged_by),
        "decision": made and made.decision,
        "decided_label": classes[made.label] if made and made.label is not None else None,
        "by": made and made.by,
        "at": made and made.at.isoformat(),
    }
