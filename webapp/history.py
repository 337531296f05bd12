"""Histories: what was done to an artefact, whether it is still what it was, and what changed since."""

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from datasets.atomic import canonical_json
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.kept import Examination
from webapp.context import user_email, user_id
from webapp.forms.history import CroissantForm, TrustForm
from webapp.provenance import verify_now, vouch
from webapp.queries.changes import WORDS, changes_view
from webapp.queries.history import exported_as, history_file, history_view, keeping, told_events
from webapp.queries.paging import cut, page_number
from webapp.records.artefacts import Artefact
from webapp.records.jobs import Job

bp = Blueprint("history", __name__, url_prefix="/history")

_EVENTS, _DIFFERENCES = 25, 50


@bp.get("/<artefact_id>")
def show(artefact_id: str) -> ResponseReturnValue:
    """The events of an artefact and of what it was made of, and what its last verification found."""
    row = keeping(artefact_id)
    view = history_view(row)
    page = cut(list(view.own.events), page_number(), size=_EVENTS)
    told = {"row": row, "view": view, "page": page, "described": CroissantForm(formdata=None)}
    return render_template("history/show.html", **told), 409 if view.own.broken else 200


@bp.post("/<artefact_id>/verify")
def verify(artefact_id: str) -> ResponseReturnValue:
    """Hold an artefact against its history; a large one becomes a job."""
    row = keeping(artefact_id)
    found = verify_now(row, by=user_email(), owner_id=user_id())
    if isinstance(found, Job):
        return redirect(url_for("jobs.show", job_id=found.id))
    flash("It is what its history says." if found.verification.ok else "It is NOT what its history says; see below.")
    return redirect(url_for("history.show", artefact_id=row.id))


@bp.get("/<artefact_id>/verification")
def verification(artefact_id: str) -> str:
    """Everything that the last verification found."""
    row = keeping(artefact_id)
    examined: Examination | None = history_view(row).examined
    found = list(examined.verification.differences) if examined else []
    page = cut(found, page_number(), size=_DIFFERENCES)
    return render_template("history/verification.html", row=row, examined=examined, page=page)


@bp.get("/<artefact_id>/changes")
def changes(artefact_id: str) -> ResponseReturnValue:
    """What changed since somebody vouched for the artefact, or for what it was made of."""
    row = keeping(artefact_id)
    told = {"row": row, "words": WORDS, "view": None, "events": (), "missing": "", "broken": ""}
    try:
        view = changes_view(row, what=request.args.get("what", ""), number=page_number())
        told |= {"view": view, "events": told_events(view.events)}
    except NoHistory as e:
        told["missing"] = str(e)
    except BrokenHistory as e:
        told["broken"] = str(e)
    return render_template("history/changes.html", **told), 409 if told["broken"] else 200


@bp.route("/<artefact_id>/trust", methods=["GET", "POST"])
def trust(artefact_id: str) -> ResponseReturnValue:
    """The form of who vouches for an artefact as it is; a sent one becomes an event of its history."""
    row, form = keeping(artefact_id), TrustForm()
    if not form.validate_on_submit():
        return render_template("history/trust.html", row=row, form=form), 422 if form.errors else 200
    made = vouch(row, form.why.data.strip(), by=user_email(), owner_id=user_id())
    if isinstance(made, Job):
        return redirect(url_for("jobs.show", job_id=made.id))
    flash(f"You vouch for {row.name} as it is: event {made.seq} of its history.")
    return redirect(url_for("history.show", artefact_id=row.id))


@bp.get("/<artefact_id>/history.jsonl")
def lines(artefact_id: str) -> Response:
    """The history as its file holds it, whole or not: what was changed may be needed as evidence."""
    row = keeping(artefact_id)
    return _file(history_file(row), f"history-{row.id}.jsonl", "application/jsonl")


@bp.get("/<artefact_id>/croissant.json")
def croissant(artefact_id: str) -> Response:
    """A data set as Croissant."""
    return _exported(keeping(artefact_id), "croissant", "application/ld+json", CroissantForm(request.args).said())


@bp.get("/<artefact_id>/cyclonedx.json")
def cyclonedx(artefact_id: str) -> Response:
    """A classifier as a CycloneDX bill of materials."""
    return _exported(keeping(artefact_id), "cyclonedx", "application/vnd.cyclonedx+json", {})


def _exported(row: Artefact, standard: str, mimetype: str, said: dict[str, str]) -> Response:
    told = exported_as(row, standard, said)
    return _file(canonical_json(told), f"{standard}-{row.id}.json", mimetype)


def _file(content: bytes, name: str, mimetype: str) -> Response:
    response = Response(content, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
