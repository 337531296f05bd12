"""The form of a gate to be released."""

from collections.abc import Mapping
from typing import Any

from wtforms import BooleanField, Field, FloatField, IntegerField, RadioField, ValidationError
from wtforms.validators import InputRequired, NumberRange, Optional

from pipeline.gate.strip_choice import MAX_OVERLAYS, N_OVERLAYS, PARTS, SUMS, StripChoice
from webapp.forms.parts import NamedForm, artefact_field, choices_of

_RANGE = NumberRange(0.01, 50, "Use 0.01 to 50.")
_ASKED_IN = {
    "alpha": "alpha_percent",
    "alpha_uncertain": "alpha_uncertain_percent",
    "n_overlays": "strip_overlays",
    "rate": "strip_percent",
}
"""The field of each parameter of a release."""


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

    strip = BooleanField(
        "Hold scans with a backdoor trigger as well (STRIP)",
        description=(
            "Mixes every scan with clean calibration images and holds it where the classifier's answer wavers less "
            "than is usual. A backdoor is what poisoned training data taught the classifier."
        ),
    )
    strip_by = RadioField(
        "How scans and images are mixed",
        choices=choices_of(
            [
                (PARTS, "Parts: every part of the scan is pasted onto the images. Finds small marks."),
                (SUMS, "Sums: the images are added to the scan, as published."),
            ]
        ),
        default=PARTS,
    )
    strip_overlays = IntegerField(
        "Images that each scan is mixed with",
        [Optional(), NumberRange(1, MAX_OVERLAYS[SUMS], f"Use 1 to {MAX_OVERLAYS[SUMS]}.")],
        description=(
            f"Calibration images; the others tell what is usual. Empty: {N_OVERLAYS[PARTS]} by parts, "
            f"{N_OVERLAYS[SUMS]} by sums. Each costs 49 more passes of the classifier for every scan by parts, and one "
            "by sums. The gate keeps these images."
        ),
    )
    strip_percent = FloatField(
        "False rejects of STRIP, in % of clean images",
        [Optional(), _RANGE],
        default=100 * StripChoice().rate,
        description="They come on top of the false alarms above: by design at most the sum of both rates is held.",
    )

    def mark(self, studied: set[str]) -> bool:
        """Say beside these detectors that they are for study; whether there are any among the choices."""
        words = [(one.value, one.label) for one in self.detector_id.choices]
        self.detector_id.choices = choices_of(
            (value, f"{label}, FOR STUDY: comes from the poisoning lab" if value in studied else label)
            for value, label in words
        )
        return any(value in studied for value, _ in words)

    def preset(self, alpha: float, strip: StripChoice | None) -> None:
        """Begin with what the calibration of the detector supports."""
        self.alpha_percent.data = _percent(alpha)
        if strip is not None:
            self.strip_by.data, self.strip_percent.data = strip.by, _percent(strip.rate)
            self.strip_overlays.data = None if strip.m == N_OVERLAYS[strip.by] else strip.m

    def asked(self) -> dict[str, Any]:
        """What can be held against the calibration, as an order takes it: what its fields refuse is left out."""
        if self.detector_id.errors or self.alpha_percent.errors:
            return {}
        alpha, alpha_uncertain = self.rates()
        asked = {"detector_id": self.detector_id.data, "alpha": alpha}
        if not self.alpha_uncertain_percent.errors:
            asked["alpha_uncertain"] = alpha_uncertain
        if not self.strip_overlays.errors and not self.strip_percent.errors:
            asked["strip"] = self.strip_choice()
        return asked

    def refuse(self, refusals: Mapping[str, Exception]) -> bool:
        """Say beside each field what the calibration refuses of it; whether there was nothing to say."""
        for name, refusal in refusals.items():
            field = self[_ASKED_IN[name]]
            field.errors = [*field.errors, f"{refusal}."]
        return not refusals

    def rates(self) -> tuple[float, float | None]:
        """Both rates as shares; the second is None where it is left to the gate."""
        return self.alpha_percent.data / 100, _share(self.alpha_uncertain_percent.data)

    def strip_choice(self) -> dict[str, Any] | None:
        """What is asked of STRIP, as an order takes it; None where its box is not ticked."""
        if not self.strip.data:
            return None
        given = {
            "by": self.strip_by.data,
            "n_overlays": self.strip_overlays.data,
            "rate": _share(self.strip_percent.data),
        }
        return {name: value for name, value in given.items() if value is not None}

    def validate_alpha_uncertain_percent(self, field: Field) -> None:
        """Refuse a second threshold below the first."""
        first = self.alpha_percent.data
        if field.data is not None and first is not None and field.data < first:
            raise ValidationError(f"Use {first:g} or more, or leave it empty.")


def _percent(share: float) -> float:
    return round(100 * share, 6)


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
