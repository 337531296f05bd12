"""What the API takes as the order of a gate."""

from apiflask import Schema
from apiflask.fields import Float, Integer, Nested, String
from apiflask.validators import Length, OneOf, Range

from pipeline.gate.strip_choice import MAX_OVERLAYS, N_OVERLAYS, PARTS, SUMS, WAYS, StripChoice
from webapp.api.order_schemas import NAME, SEED

GATE_EXAMPLE = {
    "detector_id": "...",
    "name": "1 % and 1 %",
    "alpha": 0.01,
    "strip": {"by": PARTS, "rate": StripChoice().rate},
}


class NewStrip(Schema):
    """How a gate looks for backdoor triggers."""

    by = String(
        load_default=PARTS,
        validate=OneOf(WAYS),
        metadata={"description": "Parts of a scan are pasted onto clean ones, or clean ones are added to it."},
    )
    n_overlays = Integer(
        load_default=None,
        allow_none=True,
        validate=Range(1, MAX_OVERLAYS[SUMS]),
        metadata={
            "description": f"Clean calibration scans that each scan is mixed with; null: {N_OVERLAYS[PARTS]} by parts, "
            f"{N_OVERLAYS[SUMS]} by sums. Each by sums is one more pass of the classifier, each by parts 49."
        },
    )
    rate = Float(
        load_default=StripChoice().rate,
        validate=Range(0.0001, 0.5),
        metadata={"description": "Share of clean scans that it may hold, on top of alpha."},
    )
    seed = Integer(load_default=StripChoice().seed, validate=SEED, metadata={"description": "Draws the overlays."})


class NewGate(Schema):
    """A gate to be released."""

    detector_id = String(required=True, validate=Length(1, 64))
    name = String(required=True, validate=NAME)
    alpha = Float(load_default=0.01, validate=Range(0.0001, 0.5))
    alpha_uncertain = Float(
        load_default=None,
        allow_none=True,
        validate=Range(0.0001, 0.5),
        metadata={"description": "Up to this p-value a scan is uncertain; null: twice alpha."},
    )
    strip = Nested(
        NewStrip,
        load_default=None,
        allow_none=True,
        metadata={"description": "Hold scans with a backdoor trigger as well; null: do not look for any."},
    )
