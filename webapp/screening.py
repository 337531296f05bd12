"""Screen a scan, read its verdict, look at past ones."""

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pipeline.gate.decision import Verdict
from webapp import decisions
from webapp.context import context, is_admin, user_id
from webapp.forms.screening import OverrideForm, ScanForm
from webapp.gatehouse import screen_scan
from webapp.queries.artefacts import active_gate, idle_gate
from webapp.queries.paging import page_number
from webapp.queries.screenings import VERDICTS, note_override, screening, screenings_page
from webapp.records.screenings import Screening
from webapp.uploads import read_limited, takes

bp = Blueprint("screening", __name__)


@bp.route("/screen", methods=["GET", "POST"])
@takes("max_image_bytes")
def new() -> ResponseReturnValue:
    """The form of a scan; a sent one is screened at once."""
    form = ScanForm()
    if not form.validate_on_submit():
        page = render_template("screening/new.html", form=form, gate=active_gate(), idle=idle_gate())
        return page, 422 if form.errors else 200
    sent = form.image.data
    data = read_limited(sent.stream, context().settings.max_image_bytes)
    row = screen_scan(data, sent.filename, owner_id=user_id())
    where = url_for("screening.show", screening_id=row.id)
    if row.verdict == Verdict.NOT_SCREENED:
        # A refusal is told as one; the page is the same that the record keeps showing.
        kept = screening(row.id, owner_id=_owner_id())
        page = render_template("screening/show.html", row=kept, form=OverrideForm(formdata=None), told=_told(kept))
        return page, 422, {"Content-Location": where}
    return redirect(where)


@bp.get("/screenings")
def index() -> str:
    """Past screenings: one's own, for an administrator all."""
    verdict = request.args.get("verdict", "")
    page = screenings_page(page_number(), owner_id=_owner_id(), verdict=verdict)
    return render_template("screening/list.html", page=page, verdict=verdict, verdicts=VERDICTS)


@bp.route("/screenings/<screening_id>", methods=["GET", "POST"])
def show(screening_id: str) -> ResponseReturnValue:
    """One verdict; with a reason, the class that it withholds."""
    row = screening(screening_id, owner_id=_owner_id())
    form = OverrideForm()
    if row.verdict in decisions.HELD and form.validate_on_submit():
        note_override(row, user_id=user_id(), reason=form.reason.data.strip())
        flash("Your reason was written down. The class is shown to you on this page.")
        return redirect(url_for("screening.show", screening_id=row.id))
    page = render_template("screening/show.html", row=row, form=form, told=_told(row))
    return page, 422 if form.errors else 200


@bp.get("/screenings/<screening_id>/image")
def image(screening_id: str) -> Response:
    """The scan as a picture, encoded anew from its pixels."""
    row = screening(screening_id, owner_id=_owner_id())
    if row.image is None:
        abort(404)
    return Response(context().path(row.image).read_bytes(), mimetype="image/png")


def _owner_id() -> int | None:
    return None if is_admin() else user_id()


def _told(row: Screening) -> dict[str, object]:
    """What the page tells beyond the row; a withheld class only to who gave a reason for it."""
    looked = any(note.user_id == user_id() for note in row.overrides)
    return {
        **decisions.decision_json(row),
        "withheld": decisions.withheld(row) if looked else None,
        "looked": looked,
    }
