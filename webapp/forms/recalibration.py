"""The forms of a recalibration: which clean scans, then at which rate."""

from datasets.splits import SPLITS
from webapp.forms.parts import MultiCheckboxField, NamedForm, ScangateForm, artefact_field, choices_of
from webapp.forms.rates import RateForm


class LocalScansForm(ScangateForm):
    """The choice of clean scans; it changes nothing, so that it is asked by address and needs no token."""

    class Meta:
        """Taken from the address."""

        csrf = False

    dataset_id = artefact_field(
        "Clean scans",
        "A data set from the scanner that the gate will serve; it needs no labels. Nobody may have attacked them.",
    )
    splits = MultiCheckboxField(
        "Splits",
        choices=choices_of([(split, split) for split in SPLITS]),
        description="None ticked: all of its scans.",
    )


class RecalibrationForm(NamedForm, RateForm):
    """A detector to be made anew."""
