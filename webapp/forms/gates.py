"""The form of a gate to be released."""

from wtforms import FloatField
from wtforms.validators import InputRequired, NumberRange

from webapp.forms.parts import NamedForm, artefact_field


class GateForm(NamedForm):
    """A gate to be released."""

    detector_id = artefact_field("Detector", "Its classifier stands behind the gate.")
    alpha_percent = FloatField(
        "False alarms, in % of clean images",
        [InputRequired("Give a number."), NumberRange(0.01, 50, "Use 0.01 to 50.")],
        default=1.0,
        description="How many clean images may be held. Fewer false alarms mean more missed attacks.",
    )
