"""The form of flipped labels."""

from typing import Any

from wtforms import Field, FloatField, RadioField, SelectField, ValidationError
from wtforms.form import BaseForm
from wtforms.validators import InputRequired, NumberRange, StopValidation

from datasets.store import Dataset
from pipeline.poisoning.flips import CYCLIC, MAX_RATIO, NAMING, ONE_WAY, PAIRWISE, UNIFORM, WARN_FROM, FlipRecipe
from webapp.forms.parts import choices_of
from webapp.forms.poisoning import LabForm

FLIP_WORDS = {
    ONE_WAY: "One way: images of the source class are labelled as the target class",
    PAIRWISE: "Both ways: two classes are labelled as each other",
    CYCLIC: "In a circle: every class is labelled as the next",
    UNIFORM: "By chance: every class is labelled as any other",
}
FLIPPED_OF = {ONE_WAY: "the source class", PAIRWISE: "both classes", CYCLIC: "every class", UNIFORM: "every class"}
"""Whose labels the ratio is a share of, by the kind of flips."""


class _WhereNamed:
    """Asks for a class where the kind of flips names classes, and looks at none elsewhere."""

    def __call__(self, form: BaseForm, field: Field) -> None:
        """Refuse none where one is needed."""
        if form["kind"].data not in NAMING:
            field.errors = []
            raise StopValidation
        if not field.data:
            raise StopValidation("Choose one.")


class FlipForm(LabForm):
    """Labels to be flipped: from one class to another, both ways, in a circle, or by chance."""

    kind = RadioField("Which labels", choices=choices_of(FLIP_WORDS.items()), default=ONE_WAY)
    source = SelectField(
        "Source class", [_WhereNamed()], description="Images of this class are flipped. Of the first two kinds alone."
    )
    target = SelectField(
        "Target class", [_WhereNamed()], description="This is what they are labelled as. Of the first two kinds alone."
    )
    ratio_percent = FloatField(
        "Flipped, in % of each class that is flipped from",
        [
            InputRequired("Give a number."),
            NumberRange(0, 100 * MAX_RATIO, f"Use 0 to {100 * MAX_RATIO:g}: beyond half, it is the truth."),
        ],
        default=20.0,
        description="Of its training images, more than 0. Test images keep their labels.",
        render_kw={"min": 0, "max": 100 * MAX_RATIO, "step": "any", "data-warn-from": 100 * WARN_FROM},
    )
    n_classes = 0

    def suit(self, dataset: Dataset) -> None:
        """Offer the classes of a data set."""
        choices = choices_of((str(label), name) for label, name in enumerate(dataset.classes))
        self.source.choices = self.target.choices = choices
        self.n_classes = len(choices)
        if not self.is_submitted():
            self.target.data = "1"

    def validate_target(self, field: Field) -> None:
        """Refuse a class that would be flipped to itself."""
        if field.data == self.source.data:
            raise ValidationError("Source and target are the same class; choose two.")

    def names(self, kind: str) -> bool:
        """Whether this kind of flips names two classes."""
        return kind in NAMING

    def warns(self, kind: str) -> bool:
        """Whether a high ratio of this kind of flips cannot be told from the truth."""
        return FlipRecipe(kind=kind, ratio=MAX_RATIO, **_classes(kind, 0, 1)).warning(self.n_classes) is not None

    def recipe(self) -> dict[str, Any]:
        """The recipe that the pipeline reads."""
        kind = self.kind.data
        named = (int(self.source.data), int(self.target.data)) if kind in NAMING else (0, 0)
        ratio, seed = self.ratio_percent.data / 100, self.seed.data
        return FlipRecipe(kind=kind, ratio=ratio, seed=seed, **_classes(kind, *named)).to_json()


def _classes(kind: str, source: int, target: int) -> dict[str, int]:
    """The classes of a recipe, which only some kinds have."""
    return {"source": source, "target": target} if kind in NAMING else {}
