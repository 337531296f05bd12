"""The forms of the poisoning lab: a data set first, then what is done to it."""

from collections.abc import Iterable
from typing import Any

from wtforms import Field, FloatField, IntegerField, RadioField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, NumberRange, Optional

from datasets.store import Dataset
from pipeline.poisoning.backdoor import CLEAN, DIRTY, BackdoorRecipe
from pipeline.poisoning.perturbation import CW, INTERPOLATED, PGD, Perturbation
from pipeline.poisoning.triggers import BLEND, CORNERS, PATCH, Trigger
from webapp.forms.parts import NamedForm, ScangateForm, artefact_field, choices_of, offer
from webapp.jobs.poisoning_asked import proxy_of_its_own
from webapp.records.artefacts import Artefact

AT = "at"
NO_METHOD = "none"
TRAIN = "train"
"""What stands for a proxy that the run trains."""
METHOD_WORDS = {
    PGD: "PGD, away from the class within a radius",
    CW: "Carlini-Wagner, over the nearest boundary",
    INTERPOLATED: "Towards the features of an image of another class",
}
_NUMBER = InputRequired("Give a number.")
_SHARE = NumberRange(0, 1, "Use 0 to 1.")
_STRENGTH = NumberRange(0.01, 1, "Use 0.01 to 1.")
_PIXELS = NumberRange(1, 2048, "Use 1 to 2048.")


class CleanSetForm(ScangateForm):
    """The choice of a data set; it changes nothing, so that it is asked by address and needs no token."""

    class Meta:
        """Taken from the address."""

        csrf = False

    dataset = artefact_field("Data set", "A clean one, with labels. It stays as it is: a poisoned copy is made of it.")


class LabForm(NamedForm):
    """What every run of the lab is asked."""

    original_id = SelectField(
        "Original model",
        [Optional()],
        description="The classifier of the clean data that the poisoned one is held against.",
    )
    epochs = IntegerField(
        "Epochs",
        [Optional(), NumberRange(1, 500, "Use 1 to 500.")],
        description="Of every training. Empty: what suits the size of the images.",
    )
    seed = IntegerField(
        "Seed",
        [_NUMBER, NumberRange(0, 2**31 - 1, "Use 0 or more.")],
        default=0,
        description="Of which images are poisoned and of the trainings: the same seed gives the same run.",
    )

    def offer_originals(self, rows: Iterable[Artefact]) -> None:
        """Let the original model be trained, or be one of these."""
        offer(self.original_id, rows)
        self.original_id.choices = [SelectChoice("", "Train one"), *self.original_id.choices]

    def chosen(self) -> dict[str, Any]:
        """What an order says of the run itself."""
        settings = {} if self.epochs.data is None else {"epochs": self.epochs.data}
        return {"name": self.name.data, "settings": settings, "original_id": self.original_id.data or None}


class BackdoorForm(LabForm):
    """A trigger to be planted."""

    target = SelectField("Target class", [DataRequired("Choose one.")], description="What the trigger shall bring.")
    rate_percent = FloatField(
        "Poisoned, in % of all training images",
        [_NUMBER, NumberRange(0.001, 50, "Use more than 0, at most 50.")],
        default=5.0,
        render_kw={"min": 0, "max": 50, "step": "any"},
    )
    labels = RadioField(
        "Which images",
        choices=choices_of(
            [
                (DIRTY, "Dirty label: images of other classes, labelled as the target"),
                (CLEAN, "Clean label: images of the target class, which keep their label"),
            ]
        ),
        default=DIRTY,
    )
    kind = SelectField(
        "Trigger",
        choices=choices_of([(PATCH, "A solid rectangle"), (BLEND, "A pattern of noise over the whole image")]),
        default=PATCH,
    )
    height = IntegerField("Height, in pixels", [_NUMBER, _PIXELS], default=2, description="Of a rectangle.")
    width = IntegerField("Width, in pixels", [_NUMBER, _PIXELS], default=2, description="Of a rectangle.")
    place = SelectField(
        "Place",
        choices=choices_of([*((corner, corner.replace("-", " ")) for corner in CORNERS), (AT, "at the pixel below")]),
        default="bottom-right",
    )
    at = StringField("Its upper left pixel", description="As row,column from 0, for example 3,24.")
    value = FloatField("Value", [_NUMBER, _SHARE], default=1.0, description="Of a rectangle: 0 is black, 1 is white.")
    strength = FloatField(
        "Strength in training",
        [_NUMBER, _STRENGTH],
        default=1.0,
        description="1 covers what is below; a pattern over the whole image wants about 0.2.",
    )
    test_strength = FloatField(
        "Strength on test images", [Optional(), _STRENGTH], description="0.01 to 1. Empty: as in training."
    )
    method = SelectField(
        "Perturbation",
        choices=choices_of([(NO_METHOD, "None"), *METHOD_WORDS.items()]),
        default=NO_METHOD,
        description="Of clean-label images: makes them hard to learn from, so that the trigger is learned instead. The "
        "same without it is trained beside, as control.",
    )
    proxy_id = SelectField(
        "Proxy",
        description="The classifier that images are perturbed under; a hardened one works best. One that is trained "
        "for this run is hardened, of another seed than the models that it attacks, and takes longer than they do.",
    )
    eps = FloatField(
        "Length of the perturbation",
        [_NUMBER, NumberRange(0.001, 1000, "Use 0.001 to 1000.")],
        default=Perturbation.eps,
        description="At most, Euclidean, with pixels from 0 to 1; Carlini-Wagner finds its own.",
    )
    steps = IntegerField("Its steps", [_NUMBER, NumberRange(1, 1000, "Use 1 to 1000.")], default=Perturbation.steps)
    kappa = FloatField(
        "Lead of the wrong class",
        [_NUMBER, NumberRange(0, 1000, "Use 0 to 1000.")],
        default=Perturbation.kappa,
        description="In logits under the proxy; of Carlini-Wagner alone.",
    )
    share = FloatField(
        "How far towards the other image",
        [_NUMBER, _STRENGTH],
        default=Perturbation.share,
        description="0.01 to 1, where 1 is all of its features; of the last kind alone.",
    )

    def suit(self, dataset: Dataset, proxies: Iterable[Artefact]) -> None:
        """Offer the classes of a data set, and classifiers that tell them apart."""
        self.target.choices = choices_of((str(label), name) for label, name in enumerate(dataset.classes))
        if not self.is_submitted():
            self.target.data = "0"
        rows = list(proxies)
        offer(self.proxy_id, rows)
        hardened = {row.id for row in rows if "hardening" in row.facts}
        words = [
            (one.value, f"{one.label}{', hardened' if one.value in hardened else ''}") for one in self.proxy_id.choices
        ]
        self.proxy_id.choices = choices_of([("", "None"), (TRAIN, "Train a hardened one for this run"), *words])
        self._own_proxy = proxy_of_its_own(dataset)
        if not self.is_submitted() and not hardened:
            self.proxy_id.data = TRAIN

    def validate_at(self, field: Field) -> None:
        """Refuse a place that is asked for and not given."""
        if self.place.data == AT and not (field.data or "").strip():
            raise ValidationError("Give row,column, or choose a corner above.")

    def validate_proxy_id(self, field: Field) -> None:
        """Refuse a perturbation that nothing is there for."""
        if self.method.data not in (NO_METHOD, None) and not field.data:
            raise ValidationError(
                "A perturbation needs a proxy; choose a classifier, best a hardened one, or have one trained."
            )

    def validate_method(self, field: Field) -> None:
        """Refuse a perturbation of images whose wrong label is enough."""
        if field.data != NO_METHOD and self.labels.data == DIRTY:
            raise ValidationError("Only clean-label images are perturbed; choose None, or clean label above.")

    def recipe(self) -> BackdoorRecipe:
        """What is planted.

        Raises:
            BadPoison: what only the whole recipe shows.
        """
        place = "".join(self.at.data.split()) if self.place.data == AT else self.place.data
        how = {name: self[name].data for name in ("method", "eps", "kappa", "steps", "share")}
        return BackdoorRecipe(
            trigger=Trigger(
                kind=self.kind.data,
                height=self.height.data,
                width=self.width.data,
                place=place,
                value=self.value.data,
                strength=self.strength.data,
                seed=self.seed.data,
            ),
            target=int(self.target.data),
            rate=self.rate_percent.data / 100,
            labels=self.labels.data,
            perturbation=None if self.method.data == NO_METHOD else Perturbation.from_json(how),
            seed=self.seed.data,
        )

    def order(self) -> dict[str, Any]:
        """What is ordered."""
        named = (self.proxy_id.data or None) if self.method.data != NO_METHOD else None
        proxy = self._own_proxy if named == TRAIN else {"proxy_id": named}
        strength = self.test_strength.data
        return {**self.chosen(), "recipe": self.recipe().to_json(), **proxy, "strength": strength}
