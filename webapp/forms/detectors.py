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
    seed = IntegerField(
        "Seed", [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")], default=0
    )

    def training(self) -> dict[str, int]:
        """What the trainer is told."""
        return {"epochs": self.epochs.data, "draws": self.draws.data, "seed": self.seed.data}
