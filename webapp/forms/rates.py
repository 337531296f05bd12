"""The choice of a false-alarm rate among those that calibration scans support."""

from collections.abc import Iterable, Sequence

from wtforms import Field, RadioField, SelectField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional

from pipeline.detection.local_scans import OfferedRate
from pipeline.detection.rates import checked_alpha
from pipeline.errors import NotEnoughClean
from pipeline.words import percent
from webapp.forms.parts import ScangateForm, offer
from webapp.records.artefacts import Artefact


class RateForm(ScangateForm):
    """The rate that a report is at; what stands in a gate is chosen at its release."""

    alpha = RadioField(
        "False alarms, in % of clean images",
        [InputRequired("Choose a rate.")],
        coerce=float,
        validate_choice=False,
        description="The rate that the report is at. A gate of the detector chooses its own.",
    )
    n = 0

    def offer_rates(self, rates: Sequence[OfferedRate], n: int) -> None:
        """Let it choose among the rates that n scans support; where they support none, there is nothing to choose."""
        self.n = n
        supported = [rate for rate in rates if rate.supported]
        if not supported:
            del self.alpha
            return
        self.alpha.choices = [(rate.alpha, _words(rate)) for rate in supported]
        if self.alpha.data is None:
            self.alpha.data = checked_alpha(n, None)

    def validate_alpha(self, field: Field) -> None:
        """Refuse a rate that the scans cannot support."""
        try:
            checked_alpha(self.n, field.data)
        except NotEnoughClean as e:
            raise ValidationError(str(e)) from e


class JudgingForm(RateForm):
    """On which adversarial set a detector is judged, and at which rate."""

    adversarial_id = SelectField(
        "Adversarial set",
        [Optional()],
        description="Another set stands in the report beside its own: attacks that it never met, or another "
        "classifier's.",
    )

    def offer_sets(self, others: Iterable[Artefact]) -> None:
        """Let it choose its own set, or one of these."""
        offer(self.adversarial_id, others)
        own = SelectChoice("", "Its own: the one that it was trained beside")
        self.adversarial_id.choices = [own, *self.adversarial_id.choices]


def _words(rate: OfferedRate) -> str:
    low, high = rate.band
    return f"{percent(rate.alpha, stated=True)}: the true rate lies between {percent(low)} and {percent(high)}"
