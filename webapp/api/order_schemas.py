"""What the API takes as orders of work: artefacts to be made, with their defaults and limits."""

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Float, Integer, List, String
from apiflask.validators import Length, OneOf, Range, Regexp
from marshmallow import ValidationError, validates_schema

from datasets.adversarial_store import WHOLE_IMAGE
from datasets.splits import SPLITS
from pipeline.adversarial.recipe import ASKED_REGIONS
from pipeline.attacks.budget import FP32, PRECISIONS
from pipeline.attacks.registry import ATTACKS
from pipeline.detection.adaptive_plan import MAX_SCANS
from pipeline.detection.settings import DetectorSettings
from pipeline.errors import BadTraining
from pipeline.training.settings import TrainingSettings
from webapp.forms.adversarial import PER_CELL
from webapp.forms.attacking import KNOWING, MAX_RADII, USUAL
from webapp.forms.classifiers import ARCHITECTURES, HARDENINGS, HEADS, NOT_HARDENED, hardening_of

NAME = (Length(1, 120), Regexp(r"\s*\S", error="The name is blank; give it a name."))
SEED = Range(0, 2**31 - 1)
_ID = Length(1, 64)


def _rate(description: str) -> Float:
    """A false-alarm rate that may be left to the order."""
    return Float(load_default=None, allow_none=True, validate=Range(0.0001, 0.5), metadata={"description": description})


class NewDataset(Schema):
    """A data set to be imported from an upload."""

    upload_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    seed = Integer(load_default=0, validate=SEED)
    unlabelled = Boolean(
        load_default=False,
        metadata={
            "description": "Clean scans without labels, for calibration alone: folders are no classes, and all scans "
            "lie in the split calibration."
        },
    )


class NewClassifier(Schema):
    """A classifier: trained, or imported where an upload is named."""

    dataset_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    architecture = String(load_default="SequentialCNN", validate=OneOf([name for name, _ in ARCHITECTURES]))
    side = Integer(load_default=TrainingSettings().size, validate=Range(16, 512))
    channels = Integer(load_default=1, validate=OneOf([1, 3]))
    upload_id = String(load_default=None, allow_none=True, validate=_ID)
    head = String(load_default="logits", validate=OneOf([name for name, _ in HEADS]))
    mean = Float(load_default=None, allow_none=True, validate=Range(-1e6, 1e6))
    std = Float(load_default=None, allow_none=True, validate=Range(1e-6, 1e6))
    epochs = Integer(load_default=TrainingSettings().epochs, validate=Range(1, 500))
    seed = Integer(load_default=0, validate=SEED)
    harden = String(
        load_default=NOT_HARDENED,
        validate=OneOf([name for name, _ in HARDENINGS]),
        metadata={"description": "Learn from attacked images: one step of FGSM, or several of PGD."},
    )
    harden_eps = Float(
        load_default=None,
        allow_none=True,
        metadata={"description": "Radius of the hardening, in pixel fractions; null: 4/255 = 0.0157."},
    )

    @validates_schema
    def take_a_hardening_that_can_be(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what would be left undone.

        Raises:
            ValidationError: a radius that none can have or without a method, or a hardening of what is imported.
        """
        if data["harden"] == NOT_HARDENED:
            if data["harden_eps"] is not None:
                raise ValidationError("A radius without a hardening; give harden fast or pgd.", "harden_eps")
            return
        if data["upload_id"] is not None:
            raise ValidationError("An imported classifier is not trained; leave harden out.", "harden")
        try:
            hardening_of(data["harden"], data["harden_eps"])
        except BadTraining as e:
            raise ValidationError(f"{e}.", "harden_eps") from e


class NewAdversarialSet(Schema):
    """An adversarial set to be built: by the choices that the page has, or by a whole recipe."""

    CHOICES = ("attacks", "eps", "region", "targeted", "precision", "per_cell", "seed")

    dataset_id = String(required=True, validate=_ID)
    classifier_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    attacks = List(
        String(validate=OneOf(list(ATTACKS))),
        load_default=lambda: ["fgsm", "bim", "pgd", "mim", "cw"],
        validate=Length(1, 20),
    )
    eps = List(
        Float(validate=Range(0, 1, min_inclusive=False, error="eps is a pixel fraction within (0, 1], such as 8/255.")),
        load_default=lambda: [n / 255 for n in (1, 2, 4, 8)],
        validate=Length(1, 20),
    )
    region = String(load_default=WHOLE_IMAGE, validate=OneOf(ASKED_REGIONS))
    targeted = Boolean(load_default=False, metadata={"description": "Aim at the least likely class."})
    precision = String(load_default=FP32, validate=OneOf(PRECISIONS))
    per_cell = Integer(load_default=PER_CELL, validate=Range(1, 100_000))
    seed = Integer(load_default=0, validate=SEED)
    recipe = Dict(
        keys=String(),
        load_default=None,
        allow_none=True,
        metadata={
            "description": "In place of all choices above: a recipe as the command line reads it, with attacks (names, "
            "or objects with name, eps, params, region), splits, per_cell, seed, targeted, precision."
        },
    )

    @validates_schema(pass_original=True)
    def take_choices_or_a_recipe(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        """Refuse an order that says something twice.

        Raises:
            ValidationError: names what stands beside the recipe.
        """
        if data["recipe"] is not None and (twice := [name for name in self.CHOICES if name in original]):
            raise ValidationError(f"{', '.join(twice)} beside a recipe; give it inside the recipe.", "recipe")


class NewDetector(Schema):
    """A detector to be trained."""

    TRAINING = ("epochs", "draws", "evasions", "seed", "leave_out", "only_eps")

    adversarial_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    epochs = Integer(load_default=DetectorSettings().epochs, validate=Range(1, 500))
    draws = Integer(load_default=DetectorSettings().draws, validate=Range(1, 1_000_000))
    evasions = Integer(
        load_default=DetectorSettings().evasions,
        validate=Range(0, 1_000_000),
        metadata={"description": "Scans on which the detector itself is attacked after each epoch; 0 for none."},
    )
    seed = Integer(load_default=0, validate=SEED)
    leave_out = List(
        String(validate=_ID),
        load_default=list,
        validate=Length(0, 100),
        metadata={"description": "Attacks of the set that it shall not learn from; it is judged on them."},
    )
    only_eps = List(
        Float(validate=Range(0, error="eps is a pixel fraction, such as 8/255; 0 for attacks that find their own.")),
        load_default=list,
        validate=Length(0, 100),
        metadata={
            "description": "Radii of the set to learn from, in pixel fractions, such as 8/255 = 0.0314; 0 for attacks "
            "that find their own; all where empty. It is judged on all."
        },
    )


class NewEvaluation(Schema):
    """A detector to be judged anew."""

    adversarial_id = String(
        load_default=None,
        allow_none=True,
        validate=_ID,
        metadata={"description": "Another adversarial set of the same data set; null: the one it was trained beside."},
    )
    alpha = Float(
        load_default=None,
        allow_none=True,
        validate=Range(0.0001, 0.5),
        metadata={"description": "The false-alarm rate; null: 1 %, or the smallest that the calibration supports."},
    )


class NewKnowingAttack(Schema):
    """Attackers who know a detector, to be tried on it."""

    attacks = List(String(validate=OneOf(list(KNOWING))), load_default=lambda: list(KNOWING), validate=Length(1, 20))
    radii = List(
        Float(validate=Range(0, 255, min_inclusive=False, error="A radius is in n/255: above 0, up to 255.")),
        load_default=lambda: list(USUAL.radii),
        validate=Length(1, MAX_RADII),
        metadata={"description": "In n/255; every attack is tried at each of them."},
    )
    n = Integer(
        load_default=USUAL.n,
        validate=Range(1, MAX_SCANS),
        metadata={"description": "Scans at most, evenly from the split test."},
    )
    alpha = _rate("The false-alarm rate of the gate's threshold; null: the one of the report.")
    surrogate_id = String(
        load_default=None,
        allow_none=True,
        validate=_ID,
        metadata={"description": "A second detector of the same classes: attacks on it are tried on this one as well."},
    )
    seed = Integer(load_default=USUAL.seed, validate=SEED)


class NewCalibration(Schema):
    """A detector to be made anew with thresholds from clean scans."""

    dataset_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    splits = List(
        String(validate=OneOf(SPLITS)),
        load_default=list,
        validate=Length(0, len(SPLITS)),
        metadata={"description": "Splits of the data set; all of its scans where none is named."},
    )
    alpha = _rate("The false-alarm rate wanted; null: 1 %, or the smallest that the scans support.")
