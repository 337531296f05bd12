"""The form of a gate to be released."""

from wtforms import Field, FloatField, ValidationError
from wtforms.validators import InputRequired, NumberRange, Optional

from webapp.forms.parts import NamedForm, artefact_field, choices_of

_RANGE = NumberRange(0.01, 50, "Use 0.01 to 50.")


class GateForm(NamedForm):
    """A gate to be released."""

    detector_id = artefact_field("Detector", "Its classifier stands behind the gate.")
    alpha_percent = FloatField(
        "False alarms, in % of clean images",
        [InputRequired("Give a number."), _RANGE],
        default=1.0,
        description="How many clean images may be held. Fewer false alarms mean more missed attacks.",
    )
    alpha_uncertain_percent = FloatField(
        "Held or uncertain, in % of clean images",
        [Optional(), _RANGE],
        description=(
            "The second threshold: what lies between the two is uncertain and goes to a person. Empty: twice the "
            "first. The same number as above: no scan is ever uncertain."
        ),
    )

    def mark(self, studied: set[str]) -> bool:
        """Say beside these detectors that they are for study; whether there are any among the choices."""
        words = [(one.value, one.label) for one in self.detector_id.choices]
        self.detector_id.choices = choices_of(
            (value, f"{label}, FOR STUDY: comes from the poisoning lab" if value in studied else label)
            for value, label in words
        )
        return any(value in studied for value, _ in words)

    def rates(self) -> tuple[float, float | None]:
        """Both rates as shares; the second is None where it is left to the gate."""
        uncertain = self.alpha_uncertain_percent.data
        return self.alpha_percent.data / 100, None if uncertain is None else uncertain / 100

    def validate_alpha_uncertain_percent(self, field: Field) -> None:
        """Refuse a second threshold below the first."""
        first = self.alpha_percent.data
        if field.data is not None and first is not None and field.data < first:
            raise ValidationError(f"Use {first:g} or more, or leave it empty.")
