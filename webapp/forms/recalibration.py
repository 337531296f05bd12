"""The forms of a recalibration: which clean scans, then at which rate."""

from collections.abc import Sequence

from wtforms import Field, RadioField, ValidationError
from wtforms.validators import InputRequired

from datasets.splits import SPLITS
from pipeline.detection.local_scans import OfferedRate
from pipeline.detection.rates import checked_alpha
from pipeline.errors import NotEnoughClean
from webapp.forms.parts import MultiCheckboxField, NamedForm, ScangateForm, artefact_field, choices_of


class LocalScansForm(ScangateForm):
    """The choice of clean scans; it changes nothing, so that it is asked by address and needs no token."""

    class Meta:
        """Taken from the address."""

        csrf = False

    dataset_id = artefact_field(
        "Clean scans", "A data set from the scanner that the gate will serve. Nobody may have attacked them."
    )
    splits = MultiCheckboxField(
        "Splits",
        choices=choices_of([(split, split) for split in SPLITS]),
        description="None ticked: all of its scans.",
    )


class RecalibrationForm(NamedForm):
    """A detector to be made anew."""

    alpha = RadioField(
        "False alarms, in % of clean images",
        [InputRequired("Choose a rate.")],
        coerce=float,
        validate_choice=False,
        description="The rate that the report is at. A gate of the new detector chooses its own again.",
    )
    n = 0

    def offer_rates(self, rates: Sequence[OfferedRate], n: int) -> None:
        """Let it choose among the rates that n scans support."""
        self.n = n
        supported = [rate for rate in rates if rate.supported]
        self.alpha.choices = [(rate.alpha, _words(rate)) for rate in supported]
        if self.alpha.data is None and supported:
            self.alpha.data = checked_alpha(n, None)

    def validate_alpha(self, field: Field) -> None:
        """Refuse a rate that the scans cannot support."""
        try:
            checked_alpha(self.n, field.data)
        except NotEnoughClean as e:
            raise ValidationError(str(e)) from e


def _words(rate: OfferedRate) -> str:
    low, high = rate.band
    return f"{100 * rate.alpha:g} %: the true rate lies between {100 * low:.1f} % and {100 * high:.1f} %"
