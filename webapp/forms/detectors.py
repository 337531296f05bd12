"""The form of a detector to be trained."""

from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from webapp.forms.parts import NamedForm, artefact_field


class DetectorForm(NamedForm):
    """A detector to be trained."""

    adversarial_id = artefact_field(
        "Adversarial set", "The detector learns from it and from the clean images behind it."
    )
    epochs = IntegerField("Epochs", [InputRequired("Give a number."), NumberRange(1, 500, "Use 1 to 500.")], default=8)
    seed = IntegerField(
        "Seed", [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")], default=0
    )
