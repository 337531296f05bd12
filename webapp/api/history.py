"""Histories: read and verify them, tell what changed, vouch for an artefact, and export."""

from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify
from flask.typing import ResponseReturnValue

from pipeline.provenance.chain import read_history
from pipeline.provenance.croissant import said_of
from pipeline.provenance.descent import lineage
from pipeline.provenance.kept import Examination, last_examination
from webapp.api import history_schemas, schemas
from webapp.api.admin import take_json_only
from webapp.api.authentication import calling_key
from webapp.api.documented import documented
from webapp.api.orders import accepted
from webapp.problems import Refusal
from webapp.provenance import verify_now, vouch
from webapp.queries.changes import changes_view
from webapp.queries.history import exported_as, history_file, keeping, newest_head, place_of
from webapp.queries.paging import cut
from webapp.records.artefacts import Artefact
from webapp.records.jobs import Job

bp = APIBlueprint("api_history", __name__, url_prefix="/api/v1/history", tag="Histories")
bp.before_request(take_json_only)

_DIFFERENCES = 100


@bp.get("/<artefact_id>")
@bp.output(history_schemas.HistoryTold)
@documented(bp, 404, 409)
def show(artefact_id: str) -> ResponseReturnValue:
    """Read the signed history of an artefact, and those that it descends from."""
    row = keeping(artefact_id)
    folder, root = place_of(row)
    events = read_history(folder, root)
    own, *others = lineage(folder, root)
    descent = [{**asdict(one), "events": [event.to_json() for event in one.events]} for one in others]
    told = {"id": row.id, "kind": str(row.kind), "name": row.name, "subject": own.subject}
    return {**told, "events": [event.to_json() for event in events], "descent": descent}


@bp.post("/<artefact_id>/verify")
@bp.output(history_schemas.VerificationTold)
@documented(bp, 404)
def verify(artefact_id: str) -> ResponseReturnValue:
    """Hold an artefact against its history: every file, image, label and weight.

    The answer names what differs; a broken link of the history is one of those. A large artefact is verified by a job:
    the answer is then 202 with that job, and the result is read under `verification`.
    """
    row, key = keeping(artefact_id), calling_key()
    found = verify_now(row, by=key.owner.email, owner_id=key.owner_id)
    if isinstance(found, Job):
        told, status, headers = accepted(found)
        return _answered(told, status, headers)
    return _verification(row, found, 1)


@bp.get("/<artefact_id>/verification")
@bp.input(schemas.ListOf, location="query")
@bp.output(history_schemas.VerificationTold)
@documented(bp, 404)
def verification(artefact_id: str, query_data: dict[str, Any]) -> ResponseReturnValue:
    """Read what the last verification found, a page at a time."""
    row = keeping(artefact_id)
    found = last_examination(*place_of(row))
    if found is None:
        detail = f"{row.name} was not verified here yet."
        raise Refusal(404, "not_verified", "Not verified", detail, "Verify it by POST to its verify.")
    return _verification(row, found, query_data["page"])


@bp.get("/<artefact_id>/changes")
@bp.input(history_schemas.ChangesOf, location="query")
@bp.output(history_schemas.ChangesTold)
@documented(bp, 404, 409)
def changes(artefact_id: str, query_data: dict[str, Any]) -> ResponseReturnValue:
    """Tell what changed in an artefact since somebody vouched for it, or for what it descends from.

    `compared` has one entry for each such word, the nearest on every line of descent; `unvouched` names what nobody
    vouched for. A large artefact is compared while it is verified: 409 with the code `not_compared` asks for that.
    """
    row = keeping(artefact_id)
    view = changes_view(row, what=query_data["what"], number=query_data["page"], size=_DIFFERENCES)
    items = [{"subject": subject, **one.to_json()} for subject, one in view.page.rows]
    compared = [{"subject": one.what.subject, "since": one.since.to_json(), "n": one.n} for one in view.compared]
    told = {
        "id": row.id,
        "since": compared[0]["since"],
        "compared": compared,
        "unvouched": [{"subject": one.subject, "missing": one.note} for one in view.unvouched],
        "at": view.at,
        "counts": view.counts,
        "events": [event.to_json() for event in view.events],
    }
    return {**told, **schemas.page_json(items, view.page.number, view.page.n_pages, view.page.n_total)}


@bp.post("/<artefact_id>/trust")
@bp.input(history_schemas.NewTrust, example=history_schemas.TRUST_EXAMPLE)
@bp.output(history_schemas.TrustTold, status_code=201)
@documented(bp, 404, 409, 415, 422)
def trust(artefact_id: str, json_data: dict[str, Any]) -> ResponseReturnValue:
    """Vouch for an artefact as it is, after it was verified; what changes later is told against this.

    For a large artefact a job does so: the answer is then 202 with that job.
    """
    row, key = keeping(artefact_id), calling_key()
    made = vouch(row, json_data["why"].strip(), by=key.owner.email, owner_id=key.owner_id)
    if isinstance(made, Job):
        return _answered(*accepted(made))
    return made.to_json(), 201


@bp.get("/<artefact_id>/history.jsonl")
@documented(bp, 404)
def lines(artefact_id: str) -> Response:
    """Read the file of a history as it lies there: an event a line, then the signature in its DSSE envelope."""
    return Response(history_file(keeping(artefact_id)), mimetype="application/jsonl")


@bp.get("/<artefact_id>/croissant")
@bp.input(history_schemas.CroissantOf, location="query")
@documented(bp, 404, 409)
def croissant(artefact_id: str, query_data: dict[str, Any]) -> Response:
    """Read a data set as Croissant 1.1, in JSON-LD."""
    return _told(exported_as(keeping(artefact_id), "croissant", said_of(query_data)), "application/ld+json")


@bp.get("/<artefact_id>/cyclonedx")
@documented(bp, 404, 409)
def cyclonedx(artefact_id: str) -> Response:
    """Read a classifier as a CycloneDX 1.6 bill of materials."""
    return _told(exported_as(keeping(artefact_id), "cyclonedx", {}), "application/vnd.cyclonedx+json")


def _verification(row: Artefact, found: Examination, number: int) -> dict[str, Any]:
    page = cut(list(found.verification.differences), number, size=_DIFFERENCES)
    told = {"id": row.id, "ok": found.verification.ok, "at": found.at, "by": found.by}
    counts = {name: getattr(found.verification, name) for name in ("n_events", "n_files", "seconds")}
    outdated = found.head != newest_head(row)
    return {**told, **counts, "outdated": outdated, **schemas.page_json(page.rows, number, page.n_pages, page.n_total)}


def _answered(told: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    """An answer of its own shape, in place of the one that the operation gives otherwise."""
    response = jsonify(told)
    response.status_code = status
    response.headers.update(headers)
    return response


def _told(found: dict[str, object], mimetype: str) -> Response:
    response = jsonify(found)
    response.mimetype = mimetype
    return response
