"""The form of a detector to be trained."""

from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from pipeline.detection.settings import DetectorSettings
from webapp.forms.parts import NamedForm, artefact_field


class DetectorForm(NamedForm):
    """A detector to be trained."""

    adversarial_id = artefact_field(
        "Adversarial set", "The detector learns from it and from the clean images behind it."
    )
    epochs = IntegerField(
        "Epochs",
        [InputRequired("Give a number."), NumberRange(1, 500, "Use 1 to 500.")],
        default=DetectorSettings().epochs,
    )
    draws = IntegerField(
        "Attacked images an epoch",
        [InputRequired("Give a number."), NumberRange(1, 1_000_000, "Use 1 to 1,000,000.")],
        default=DetectorSettings().draws,
        description="Each comes with a clean and a harmlessly changed scan; time grows with it.",
    )
    evasions = IntegerField(
        "Attacks on itself an epoch",
        [InputRequired("Give a number, 0 for none."), NumberRange(0, 1_000_000, "Use 0 to 1,000,000.")],
        default=DetectorSettings().evasions,
        description="Scans that are made to pass the detector after each epoch, for it to learn from; 0 for none.",
    )
    seed = IntegerField(
        "Seed", [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")], default=0
    )

    def training(self) -> dict[str, int]:
        """What the trainer is told."""
        return {name: self[name].data for name in ("epochs", "draws", "evasions", "seed")}
