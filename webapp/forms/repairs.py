"""The forms of a repair: of what is confirmed in a finding, or of images that are named."""

import re
from collections.abc import Iterable
from typing import Any

from wtforms import Field, HiddenField, IntegerField, SelectField, TextAreaField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, NumberRange, Optional

from datasets.store import Dataset
from pipeline.errors import BadPoison
from pipeline.poisoning.relabelling import FORM, numbered, relabelled
from webapp.forms.parts import NamedForm, offer
from webapp.records.artefacts import Artefact

_ITEM = re.compile(r"[0-9]{1,9}", re.ASCII)


class _RepairForm(NamedForm):
    """What every repair is asked."""

    epochs = IntegerField(
        "Epochs",
        [Optional(), NumberRange(1, 500, "Use 1 to 500.")],
        description="Of the new training. Empty: as many as the classifier of before, so that both are trained alike.",
    )

    def settings(self) -> dict[str, Any]:
        """What is asked of the training otherwise than before."""
        return {} if self.epochs.data is None else {"epochs": self.epochs.data}


class ConfirmedForm(_RepairForm):
    """The repair of what is confirmed in a finding."""

    shown = HiddenField()

    def check_shown(self, digest: str) -> None:
        """Refuse to repair anything else than what the page showed; a page that is shown next tells what it is now.

        Raises:
            BadPoison: images were confirmed or cleared in between.
        """
        was, self.shown.data = self.shown.data, digest
        if self.is_submitted() and was != digest:
            raise BadPoison(
                "images were confirmed or cleared since this page was shown; look at it again, then send it"
            )


class NamedImagesForm(_RepairForm):
    """The repair of images that are named by their numbers."""

    classifier_id = SelectField(
        "Classifier", [DataRequired("Choose one.")], description="The one that was trained on this data set."
    )
    trusted_id = SelectField(
        "Trusted subset",
        [Optional()],
        description="Images that somebody vouches for; the finder is shown them before and after.",
    )
    drop = TextAreaField(
        "Images to drop",
        description="Their numbers in the data set, with commas, spaces or new lines between, such as 3, 17, 240.",
        render_kw={"rows": 3},
    )
    relabel = TextAreaField(
        "Images to relabel",
        description=f"Number and true class, by its name or number, one a line or with commas between, such as {FORM}.",
        render_kw={"rows": 3},
    )

    def suit(self, dataset: Dataset, classifiers: Iterable[Artefact], trusted: Iterable[Artefact]) -> None:
        """Offer what belongs to a data set."""
        self.dataset = dataset
        offer(self.classifier_id, classifiers)
        offer(self.trusted_id, trusted)
        self.trusted_id.choices = [SelectChoice("", "None"), *self.trusted_id.choices]

    def validate_drop(self, field: Field) -> None:
        """Refuse what is no list of numbers."""
        items_of(field.data or "")

    def validate_relabel(self, field: Field) -> None:
        """Refuse what is no list of numbers and classes, and a form that names nothing."""
        if not classes_of(field.data or "", self.dataset) and not (self.drop.data or "").strip():
            raise ValidationError("Name at least one image, here or above.")

    def changes(self) -> dict[str, Any]:
        """What is to be dropped and relabelled."""
        return {
            "drop": items_of(self.drop.data or ""),
            "relabel": classes_of(self.relabel.data or "", self.dataset),
            "classifier_id": self.classifier_id.data,
            "trusted_id": self.trusted_id.data or None,
        }


def items_of(text: str) -> list[int]:
    """The numbers of a list of images.

    Raises:
        ValidationError: a part is no number.
    """
    return [_item(part) for part in re.split(r"[\s,;]+", text.strip()) if part]


def classes_of(text: str, dataset: Dataset) -> dict[int, int]:
    """The new class of each image of a list such as 40:0, 41=left.

    Raises:
        ValidationError: a part is not of that form, names no class of the data set, or an image that is named already.
    """
    try:
        return numbered(relabelled(text), dataset)
    except BadPoison as e:
        told = str(e)
        raise ValidationError(f"{told[0].upper()}{told[1:]}.") from e


def _item(part: str) -> int:
    if not _ITEM.fullmatch(part):
        raise ValidationError(f"{part[:40]} is no number of an image; give digits alone, such as 17.")
    return int(part)
