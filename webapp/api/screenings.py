"""Screen an image in one call, and read past decisions."""

from typing import Any

from apiflask import APIBlueprint
from flask import request, url_for
from flask.typing import ResponseReturnValue

from webapp.api.authentication import calling_key
from webapp.api.documented import documented
from webapp.api.schemas import PageOf, Screened, ScreenedPage, page_json
from webapp.context import context
from webapp.decisions import decision_json
from webapp.gatehouse import bad_image, screen_scan
from webapp.problems import Refusal
from webapp.queries.screenings import screening, screenings_page
from webapp.records.accounts import Scope
from webapp.uploads import read_limited, takes

bp = APIBlueprint("api_screenings", __name__, url_prefix="/api/v1", tag="Screenings")

_RAW = ("application/dicom", "application/octet-stream")


@bp.post("/screenings")
@takes("max_image_bytes")
@bp.output(Screened, status_code=201)
@documented(bp, 413, 415, 422, 503)
def create() -> ResponseReturnValue:
    """Screen an image.

    Send it as the part `image` of a form, or as the body with its own content type. The answer is the decision.
    """
    data, name = _image()
    key = calling_key()
    row = screen_scan(data, name, owner_id=key.owner_id, key_id=key.id)
    if row.verdict == "not_screened":
        raise bad_image(row, data)
    where = url_for("api_screenings.show", screening_id=row.id)
    return decision_json(row), 201, {"Location": where}


@bp.get("/screenings")
@bp.input(PageOf, location="query")
@bp.output(ScreenedPage)
@documented(bp)
def index(query_data: dict[str, Any]) -> ResponseReturnValue:
    """List the decisions of the key's owner, newest first; with the scope admin all of them."""
    page = screenings_page(query_data["page"], owner_id=_owner_id(), verdict=query_data["verdict"])
    return page_json([decision_json(row) for row in page.rows], page.number, page.n_pages, page.n_total)


@bp.get("/screenings/<screening_id>")
@bp.output(Screened)
@documented(bp, 404)
def show(screening_id: str) -> ResponseReturnValue:
    """Read one decision."""
    return decision_json(screening(screening_id, owner_id=_owner_id()))


def _owner_id() -> int | None:
    key = calling_key()
    return None if key.scope is Scope.ADMIN else key.owner_id


def _image() -> tuple[bytes, str]:
    limit = context().settings.max_image_bytes
    kind = request.mimetype
    if kind == "multipart/form-data":
        sent = request.files.get("image")
        if sent is None:
            detail = f"The form has no file named image; it has {sorted(request.files) or 'no file'}."
            raise Refusal(422, "no_image", "No image sent", detail, "Send the file as the part image.")
        return read_limited(sent.stream, limit), sent.filename or ""
    if kind.startswith("image/") or kind in _RAW:
        return read_limited(request.stream, limit), "image"
    raise Refusal(
        415,
        "content_type",
        "Content type not accepted",
        f"The body is {kind or 'of no stated type'}.",
        "Send multipart/form-data with the part image, or the image itself as image/*, application/dicom "
        "or application/octet-stream.",
    )
