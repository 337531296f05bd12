"""Every step of an administrator: send files, order work, list and read what was made."""

from typing import Any

from apiflask import APIBlueprint
from flask import current_app, request
from flask.typing import ResponseReturnValue

from webapp import orders
from webapp.api import gate_schemas, order_schemas, schemas
from webapp.api.authentication import calling_key
from webapp.api.documented import documented
from webapp.api.orders import accepted, attack_order, classifier_order, recipe_order
from webapp.file_names import shown_name
from webapp.problems import Refusal
from webapp.queries.artefacts import active_gate, artefact, artefacts_page
from webapp.queries.detector_report import detector_report
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job
from webapp.standing_gate import activate
from webapp.uploads import keep_body, keep_upload, takes

bp = APIBlueprint("api_admin", __name__, url_prefix="/api/v1", tag="Administration")

KINDS = {
    "datasets": ArtefactKind.DATASET,
    "classifiers": ArtefactKind.CLASSIFIER,
    "adversarial-sets": ArtefactKind.ADVERSARIAL,
    "detectors": ArtefactKind.DETECTOR,
    "gates": ArtefactKind.GATE,
}
_COLLECTION = f"any({', '.join(repr(kind) for kind in KINDS)})"


@bp.before_request
def take_json_only() -> None:
    """Refuse an order whose body says that it is something else than JSON.

    Raises:
        Refusal: with the content type found.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    if request.method != "POST" or hasattr(view, "max_bytes") or request.is_json:
        return
    if request.mimetype or request.content_length:
        detail = f"The body is {request.mimetype or 'of no stated type'}."
        step = "Send the order as JSON, with Content-Type: application/json."
        raise Refusal(415, "content_type", "Content type not accepted", detail, step)


@bp.post("/uploads")
@takes("max_upload_bytes")
@bp.output(schemas.Uploaded, status_code=201)
@documented(bp, 413, 422)
def send_file() -> ResponseReturnValue:
    """Send a file: as the part `file` of a form (several for MNIST), or as the body, named by `?name=`."""
    owner_id = calling_key().owner_id
    if request.mimetype == "multipart/form-data":
        files = request.files.getlist("file")
        if not files:
            detail = "The form has no file named file."
            raise Refusal(422, "no_file", "No file sent", detail, "Send it as the part file.")
        row = keep_upload(files, owner_id=owner_id)
    else:
        row = keep_body(shown_name(request.args.get("name")), owner_id=owner_id)
    return {"id": row.id, "name": row.name, "sha256": row.sha256, "size": row.size}, 201


@bp.post("/datasets")
@bp.input(order_schemas.NewDataset)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def import_dataset(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Import an upload as a data set."""
    return accepted(orders.import_dataset(**json_data, owner_id=calling_key().owner_id))


@bp.post("/classifiers")
@bp.input(order_schemas.NewClassifier)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def make_classifier(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Train a classifier, or import the upload named by `upload_id`."""
    return accepted(classifier_order(json_data, owner_id=calling_key().owner_id))


@bp.post("/adversarial-sets")
@bp.input(order_schemas.NewAdversarialSet)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def build_adversarial(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Build an adversarial set.

    `eps` is in pixel fractions, such as 8/255 = 0.0314. A `recipe` has what the other fields leave out: parameters,
    radii and region of each attack, other splits, and `art:` attacks.
    """
    recipe = recipe_order(json_data)
    return accepted(orders.build_adversarial(**json_data, recipe=recipe, owner_id=calling_key().owner_id))


@bp.post("/detectors")
@bp.input(order_schemas.NewDetector)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def train_detector(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Train a detector on an adversarial set, or on what `leave_out` and `only_eps` leave of it."""
    training = {name: json_data.pop(name) for name in order_schemas.NewDetector.TRAINING}
    return accepted(orders.train_detector(**json_data, training=training, owner_id=calling_key().owner_id))


@bp.post("/detectors/<detector_id>/recalibrate")
@bp.input(order_schemas.NewCalibration)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def recalibrate_detector(detector_id: str, json_data: dict[str, Any]) -> ResponseReturnValue:
    """Make a detector anew with thresholds from clean scans; the old one stays."""
    owner_id = calling_key().owner_id
    return accepted(orders.recalibrate_detector(detector_id=detector_id, **json_data, owner_id=owner_id))


@bp.post("/detectors/<detector_id>/evaluate")
@bp.input(order_schemas.NewEvaluation)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def evaluate_detector(detector_id: str, json_data: dict[str, Any]) -> ResponseReturnValue:
    """Judge a detector anew on the attacks that it was trained beside; its report is replaced.

    With `adversarial_id` it is judged on that set; what comes out is kept beside its report, as one of `other_static`.
    """
    return accepted(orders.evaluate_detector(detector_id=detector_id, **json_data, owner_id=calling_key().owner_id))


@bp.post("/detectors/<detector_id>/attack")
@bp.input(order_schemas.NewKnowingAttack)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def attack_detector(detector_id: str, json_data: dict[str, Any]) -> ResponseReturnValue:
    """Attack a detector as one who knows it; its report then states the adaptive figure next to the static one.

    The figure is the share of scans that the gate accepts and the classifier gets wrong. It takes long: each attack
    makes 100 steps from three starts on every scan at every radius.
    """
    return accepted(attack_order(detector_id, json_data, owner_id=calling_key().owner_id))


@bp.get("/detectors/<detector_id>/report")
@bp.output(schemas.DetectorReportTold)
@documented(bp, 404, 422)
def read_report(detector_id: str) -> ResponseReturnValue:
    """Read everything that was measured of a detector: static, adaptive, limits and standards."""
    return detector_report(artefact(ArtefactKind.DETECTOR, detector_id)).to_json()


@bp.post("/gates")
@bp.input(gate_schemas.NewGate, example=gate_schemas.GATE_EXAMPLE)
@bp.output(schemas.JobTold, status_code=202)
@documented(bp, 404, 409, 415, 422)
def release_gate(json_data: dict[str, Any]) -> ResponseReturnValue:
    """Compile a detector and its classifier into a gate; it screens once it is activated.

    With `strip` it holds scans with a backdoor trigger as well. Then at most `alpha` and the rate of STRIP together of
    clean scans are held.
    """
    job: Job = orders.release_gate(**json_data, owner_id=calling_key().owner_id)
    return accepted(job)


@bp.post("/gates/<gate_id>/activate")
@bp.output(schemas.ArtefactTold)
@documented(bp, 404, 409)
def activate_gate(gate_id: str) -> ResponseReturnValue:
    """Let a gate screen from now on."""
    return _told(activate(gate_id, user_id=calling_key().owner_id), gate_id)


@bp.get(f"/<{_COLLECTION}:collection>")
@bp.input(schemas.ListOf, location="query")
@bp.output(schemas.ArtefactPage)
@documented(bp)
def index(collection: str, query_data: dict[str, Any]) -> ResponseReturnValue:
    """List what was made: datasets, classifiers, adversarial-sets, detectors or gates, newest first."""
    page, active = artefacts_page(KINDS[collection], query_data["page"]), _active_id()
    items = [_told(row, active) for row in page.rows]
    return schemas.page_json(items, page.number, page.n_pages, page.n_total)


@bp.get(f"/<{_COLLECTION}:collection>/<artefact_id>")
@bp.output(schemas.ArtefactTold)
@documented(bp, 404)
def show(collection: str, artefact_id: str) -> ResponseReturnValue:
    """Read one of what was made."""
    return _told(artefact(KINDS[collection], artefact_id), _active_id())


def _active_id() -> str | None:
    row = active_gate()
    return row.id if row else None


def told_artefact(row: Artefact) -> dict[str, Any]:
    """One of what was made, as the API tells it."""
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "state": row.state,
        "parents": row.parents,
        "facts": row.facts,
        "created": row.created.isoformat(),
    }


def _told(row: Artefact, active_id: str | None) -> dict[str, Any]:
    told = told_artefact(row)
    return told | {"active": row.id == active_id} if row.kind is ArtefactKind.GATE else told
