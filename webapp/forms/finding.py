"""The forms of a search for poison, and of what is decided of its suspects."""

from collections.abc import Iterable
from typing import Any

from wtforms import IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, NumberRange, Optional

from pipeline.poisoning.search_trainings import LEAST_STEPS, MOST_EPOCHS
from webapp.forms.parts import NamedForm, ScangateForm, artefact_field, choices_of, offer
from webapp.records.artefacts import Artefact
from webapp.records.suspects import Ruling
from webapp.suspects import UNDO

_ALIKE = "Trained as the classifier above: one that is there, else train one"


class SuspectedSetForm(ScangateForm):
    """The choice of a data set to look through or to repair.

    It changes nothing, so that it is asked by address and needs no token.
    """

    class Meta:
        """Taken from the address."""

        csrf = False

    dataset = artefact_field(
        "Data set", "With labels, and with a classifier that was trained on it. It stays as it is."
    )


class FindingForm(NamedForm):
    """A search for poison in a data set."""

    classifier_id = SelectField(
        "Classifier",
        [DataRequired("Choose one.")],
        description="Trained on this very data set: its features are asked.",
    )
    trusted_id = SelectField(
        "Trusted subset",
        [Optional()],
        description="Images that somebody vouches for; of this data set, or of the one that it was made from.",
    )
    unpoisoned_id = SelectField(
        "Classifier of the same data unpoisoned",
        [Optional()],
        description="The lab poisoned these data, and looks beside them at the same data as they were: whatever a "
        "finder flags there is a false alarm. One that was trained otherwise flags otherwise.",
    )
    epochs = IntegerField(
        "Epochs",
        [Optional(), NumberRange(1, 500, "Use 1 to 500.")],
        description="Of the classifiers of the folds. Empty: what suits the size of the images. Those of the trusted "
        f"images alone are given at least as many as make {LEAST_STEPS} steps of so few images, up to {MOST_EPOCHS}.",
    )

    def suit(self, *, classifiers: Iterable[Artefact], trusted: Iterable[Artefact]) -> None:
        """Offer what there is for a data set; the newest trusted subset first, and none at the end."""
        offer(self.classifier_id, classifiers)
        offer(self.trusted_id, trusted)
        self.trusted_id.choices = [*self.trusted_id.choices, SelectChoice("", "None: less is found")]

    def beside(self, originals: Iterable[Artefact] | None) -> None:
        """Offer classifiers of the same data unpoisoned; None where nobody knows these."""
        if originals is None:
            del self.unpoisoned_id
            return
        offer(self.unpoisoned_id, originals)
        self.unpoisoned_id.choices = [SelectChoice("", _ALIKE), *self.unpoisoned_id.choices]

    def order(self) -> dict[str, Any]:
        """What is ordered."""
        return {
            "name": self.name.data,
            "classifier_id": self.classifier_id.data,
            "trusted_id": self.trusted_id.data or None,
            "unpoisoned_id": (self.unpoisoned_id.data or None) if "unpoisoned_id" in self else None,
            "settings": {} if self.epochs.data is None else {"epochs": self.epochs.data},
        }


class DecisionForm(ScangateForm):
    """What is decided of some suspects: of those that are named, or of all undecided ones that a finder flags."""

    do = SelectField("Decision", choices=choices_of((str(one), str(one)) for one in (*Ruling, UNDO)))
    items = SelectMultipleField("Images", coerce=int, validate_choice=False)
    finder = StringField("Finder")
    label = IntegerField("True class", [Optional()])
