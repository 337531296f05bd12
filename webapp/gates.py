"""Gates: release one, and choose which stands."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pipeline.detection.local_scans import offered_rates
from webapp import orders
from webapp.context import user_id
from webapp.forms.gates import GateForm
from webapp.forms.parts import offer
from webapp.queries.artefacts import active_gate, artefact, artefacts_of, artefacts_page, named, releases
from webapp.queries.gates import ReleasePreset, release_preset, release_refusals
from webapp.queries.paging import page_number
from webapp.queries.poisoning import made_for_study
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.standing_gate import activate, roll_back

bp = Blueprint("gates", __name__, url_prefix="/gates")


@bp.get("/")
def index() -> str:
    """Every gate, which one stands, and which stood before."""
    page = artefacts_page(ArtefactKind.GATE, page_number())
    return render_template("gates/list.html", page=page, active=active_gate(), releases=releases())


@bp.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """The form of a release, preset to what the calibration supports; a sent one becomes a job."""
    form, rows = GateForm(), artefacts_of(ArtefactKind.DETECTOR)
    offer(form.detector_id, rows, chosen=request.args.get("detector"))
    studied = form.mark(made_for_study(rows))
    preset = None if form.is_submitted() else _preset(form, rows)
    # Both, so that everything that is refused is said at once.
    valid = form.validate_on_submit()
    valid = form.refuse(release_refusals(form.asked())) and valid if form.is_submitted() else valid
    if not valid:
        detectors = [(row, offered_rates(row.facts["n_calibration"])) for row in rows]
        page = render_template("gates/new.html", form=form, detectors=detectors, studied=studied, preset=preset)
        return page, 422 if form.errors else 200
    alpha, alpha_uncertain = form.rates()
    job = orders.release_gate(
        detector_id=form.detector_id.data,
        name=form.name.data,
        alpha=alpha,
        alpha_uncertain=alpha_uncertain,
        strip=form.strip_choice(),
        owner_id=user_id(),
    )
    return redirect(url_for("jobs.show", job_id=job.id))


def _preset(form: GateForm, rows: list[Artefact]) -> ReleasePreset | None:
    """What the chosen detector's calibration supports, or that of the first one, put into the form."""
    known = {row.id: row for row in rows}
    ids = [form.detector_id.data, *(one.value for one in form.detector_id.choices)]
    row = next((known[one] for one in ids if one in known), None)
    if row is None:
        return None
    percent = request.args.get("percent", type=float)
    found = release_preset(row, alpha=None if percent is None else percent / 100)
    form.preset(found.alpha, found.strip)
    return found


@bp.get("/<gate_id>")
def show(gate_id: str) -> str:
    """One gate."""
    row = artefact(ArtefactKind.GATE, gate_id)
    parents = named(row.parents)
    studied = made_for_study(parents)
    return render_template("gates/show.html", row=row, parents=parents, active=active_gate(), studied=studied)


@bp.post("/<gate_id>/activate")
def make_active(gate_id: str) -> ResponseReturnValue:
    """Let this gate screen from now on."""
    row = activate(gate_id, user_id=user_id())
    flash(f"{row.name} screens from now on.")
    return redirect(url_for("gates.index"))


@bp.post("/roll-back")
def back() -> ResponseReturnValue:
    """Let the gate that stood before screen again."""
    row = roll_back(user_id=user_id())
    flash(f"Rolled back: {row.name} screens from now on.")
    return redirect(url_for("gates.index"))
