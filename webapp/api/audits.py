"""Audits of classifiers: order them, and read what they found."""

from typing import Any

from apiflask import APIBlueprint, Schema
from apiflask.fields import Boolean, Float, Integer, List, Nested, String
from apiflask.validators import Length, Range
from flask import Response
from flask.typing import ResponseReturnValue

from webapp import orders
from webapp.api import schemas
from webapp.api.admin import take_json_only, told_artefact
from webapp.api.authentication import calling_key
from webapp.api.documented import documented
from webapp.api.orders import accepted
from webapp.jobs.audit import MOST_IMAGES, N_IMAGES
from webapp.queries.artefacts import artefact, artefacts_page
from webapp.queries.audits import audit_of, mark_png
from webapp.records.artefacts import ArtefactKind

bp = APIBlueprint("api_audits", __name__, url_prefix="/api/v1/poisoning/audits", tag="Audits")
bp.before_request(take_json_only)

_ID = Length(1, 64)
_EXAMPLE = {"classifier_id": "0123456789abcdef", "dataset_id": "fedcba9876543210", "name": "Imported, audited"}


class NewAudit(Schema):
    """A classifier to be audited for backdoors."""

    classifier_id = String(required=True, validate=_ID, metadata={"description": "Trained or imported; three classes."})
    dataset_id = String(required=True, validate=_ID, metadata={"description": "Of the same classes, best a clean one."})
    name = String(required=True, validate=schemas.NAME)
    n_images = Integer(load_default=N_IMAGES, validate=Range(1, MOST_IMAGES))
    seed = Integer(load_default=0, validate=schemas.SEED)


class AuditedClass(Schema):
    """The smallest mark that brings one class."""

    class_name = String(data_key="class", attribute="class")
    norm = Float(metadata={"description": "Pixels of the mark; all of the image where none brought the class."})
    success = Float(metadata={"description": "Share of the images that it turned into the class."})
    anomaly_index = Float(metadata={"description": "Distance of the norm to the median, in units of their spread."})
    suspected = Boolean(metadata={"description": "Whether the norm is an outlier to the small side."})


class AuditTold(Schema):
    """What an audit found."""

    id = String()
    name = String()
    classifier_id = String()
    dataset_id = String()
    n_images = Integer()
    classes = List(Nested(AuditedClass))
    said = String(metadata={"description": "What it comes to, and what it does not clear."})


@bp.post("")
@bp.input(NewAudit, example=_EXAMPLE)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def order(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Search the smallest mark that brings each class of a classifier; a backdoor's is conspicuously small.

    What the job makes is the audit, by its `artefact_id`. An audit that suspects nothing clears nobody.
    """
    return accepted(orders.audit_classifier(**json_data, owner_id=calling_key().owner_id))


@bp.get("")
@bp.input(schemas.ListOf, location="query")
@bp.output(schemas.ArtefactPage)
@documented(bp)
def index(query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the audits that are done, newest first."""
    page = artefacts_page(ArtefactKind.AUDIT, query_data["page"])
    return schemas.page_json([told_artefact(row) for row in page.rows], page.number, page.n_pages, page.n_total)


@bp.get("/<audit_id>")
@bp.output(AuditTold)
@documented(bp, 404)
def show(audit_id: str) -> ResponseReturnValue:
    """Read what an audit found."""
    row = artefact(ArtefactKind.AUDIT, audit_id)
    return {"id": row.id, "name": row.name, **audit_of(row)}


@bp.get("/<audit_id>/marks/<int(max=2147483647):label>")
@documented(bp, 404)
def mark(audit_id: str, label: int) -> Response:
    """Read the mark of one class as a PNG."""
    return Response(mark_png(artefact(ArtefactKind.AUDIT, audit_id), label), mimetype="image/png")
