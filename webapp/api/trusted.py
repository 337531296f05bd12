"""Trusted subsets: propose images, vouch for some, and read who vouches for what."""

from typing import Any

from apiflask import APIBlueprint
from flask import url_for
from flask.typing import ResponseReturnValue

from datasets.unlabelled import check_labelled
from webapp.api import finding_schemas, schemas
from webapp.api.admin import take_json_only, told_artefact
from webapp.api.authentication import calling_key
from webapp.api.documented import documented
from webapp.queries.artefacts import artefact, artefacts_page
from webapp.queries.contents import open_stored_dataset
from webapp.queries.trusted import proposal, subset_of
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.vouching import vouch

bp = APIBlueprint("api_trusted", __name__, url_prefix="/api/v1/trusted-subsets", tag="Trusted subsets")
bp.before_request(take_json_only)


@bp.get("")
@bp.input(schemas.ListOf, location="query")
@bp.output(schemas.ArtefactPage)
@documented(bp)
def index(query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the trusted subsets, newest first."""
    page = artefacts_page(ArtefactKind.TRUSTED, query_data["page"])
    return schemas.page_json([told_artefact(row) for row in page.rows], page.number, page.n_pages, page.n_total)


@bp.get("/proposal")
@bp.input(finding_schemas.ProposalAsked, location="query")
@bp.output(finding_schemas.Proposal)
@documented(bp, 404, 422)
def propose(query_data: dict[str, Any]) -> ResponseReturnValue:
    """Draw training images to be looked at: as many of each class, by the seed. Nothing is marked."""
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, query_data["dataset_id"]))
    check_labelled(dataset.name, dataset.classes)
    proposed = proposal(dataset, n_per_class=query_data["per_class"], seed=query_data["seed"])
    items = [{"index": one.index, "name": one.name, "label": one.label} for _, some in proposed for one in some]
    return {"dataset_id": dataset.id, "items": items}


@bp.post("")
@bp.input(finding_schemas.NewTrustedSubset, example=finding_schemas.TRUSTED_EXAMPLE)
@bp.output(finding_schemas.TrustedTold, status_code=201)
@documented(bp, 404, 409, 415, 422)
def mark(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Vouch for the pictures and labels of training images, under the name of the key's owner.

    It is written into the data set's signed history. Every image is hashed first: seconds for tens of thousands.
    """
    key = calling_key()
    row = artefact(ArtefactKind.DATASET, json_data["dataset_id"])
    made = vouch(row, json_data["items"], by=key.owner.email, owner_id=key.owner_id)
    return _told(made), 201, {"Location": url_for("api_trusted.show", trusted_id=made.id)}


@bp.get("/<trusted_id>")
@bp.output(finding_schemas.TrustedTold)
@documented(bp, 404)
def show(trusted_id: str) -> ResponseReturnValue:
    """Read who vouches for which images."""
    return _told(artefact(ArtefactKind.TRUSTED, trusted_id))


def _told(row: Artefact) -> dict[str, Any]:
    subset = subset_of(row)
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, subset.dataset_id))
    told = {"id": row.id, "name": row.name, "dataset_id": dataset.id, "by": subset.by, "at": subset.at}
    return {**told, "counts": row.facts["counts"], "items": subset.rows(dataset).tolist()}
