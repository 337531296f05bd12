"""The form of an adversarial set to be built."""

from typing import Any

from wtforms import Field, IntegerField, RadioField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, NumberRange

from datasets.adversarial_store import HEAD, WHOLE_IMAGE
from pipeline.adversarial.recipe import DEFAULT_RECIPE
from pipeline.attacks.budget import BF16, FP32, Norm
from pipeline.attacks.names import type_name
from pipeline.attacks.registry import ATTACKS
from webapp.forms.parts import MultiCheckboxField, NamedForm, artefact_field, choices_of

# Attacks that find the least change by themselves; and a Euclidean length of n/255 would change nothing to speak of.
_WITHOUT_EPS = {name for name, attack in ATTACKS.items() if not attack.BOUNDED or attack.NORM is not Norm.LINF}
_ONLY_FP32 = [type_name(name) for name, attack in ATTACKS.items() if not attack.TAKES_BF16]
ANY, LEAST_LIKELY = "any", "least_likely"
PER_CELL: int = DEFAULT_RECIPE.share("detector") or 400


def parse_levels(text: str) -> list[float]:
    """The radii of a list such as "1, 2, 4, 8", each in n/255, as pixel fractions.

    Raises:
        ValueError: one is no number within (0, 255].
    """
    return [level / 255 for level in levels_of(text)]


def levels_of(text: str) -> list[float]:
    """The radii of a list such as "1, 2, 4, 8", each once, in n/255 as they are written.

    Raises:
        ValueError: one is no number within (0, 255].
    """
    found = []
    for part in text.replace(";", ",").split(","):
        if not part.strip():
            continue
        try:
            # Who writes 8/255 means 8.
            level = float(part.strip().removesuffix("/255"))
        except ValueError as e:
            raise ValueError(f"{part.strip()} is no number; write for example 1, 2, 4, 8.") from e
        if not 0 < level <= 255:
            raise ValueError(f"{part.strip()} is not above 0 and at most 255; eps is given in n/255.")
        if level not in found:
            found.append(level)
    if not found:
        raise ValueError("Give at least one radius, for example 1, 2, 4, 8.")
    return found


class AdversarialForm(NamedForm):
    """An adversarial set to be built."""

    dataset_id = artefact_field("Data set")
    classifier_id = artefact_field("Classifier", "The one that the attacks aim at.")
    attacks = MultiCheckboxField(
        "Attacks",
        [DataRequired("Choose at least one.")],
        choices=choices_of([(name, attack.TITLE) for name, attack in ATTACKS.items()]),
        default=["fgsm", "bim", "pgd", "mim", "cw"],
    )
    eps = StringField(
        "Radii, in n/255",
        [DataRequired("Give at least one, for example 1, 2, 4, 8.")],
        default="1, 2, 4, 8",
        description=(
            "For attacks that bound every pixel. Those that look for the least change find their own, and those with a "
            "Euclidean bound take the length 1, with pixels in [0, 1]."
        ),
    )
    region = RadioField(
        "Where pixels may change",
        choices=choices_of([(WHOLE_IMAGE, "Anywhere"), (HEAD, "Inside the head only")]),
        default=WHOLE_IMAGE,
        description="A scan in which no head is found is attacked anywhere; its row says so.",
    )
    goal = RadioField(
        "What counts as fooled",
        choices=choices_of(
            [(ANY, "Any wrong class"), (LEAST_LIKELY, "The class that the classifier believes in least")]
        ),
        default=ANY,
    )
    precision = RadioField(
        "Precision of the gradients",
        choices=choices_of([(FP32, "Single (fp32)"), (BF16, "Half the bits (bf16)")]),
        default=FP32,
        description=(
            "Half the bits take about half the time, on processors that multiply them. Success is always judged in "
            f"single precision, and {', '.join(_ONLY_FP32)} take no other."
        ),
    )
    per_cell = IntegerField(
        "Images for each attack and radius",
        [InputRequired("Give a number."), NumberRange(1, 100_000, "Use 1 to 100,000.")],
        default=PER_CELL,
        description=(
            "Taken evenly from the classes of each split. The published results used "
            f"{DEFAULT_RECIPE.share('detector')} of the detector's split and {DEFAULT_RECIPE.share('test')} of test."
        ),
    )
    seed = IntegerField(
        "Seed", [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")], default=0
    )

    def validate_eps(self, field: Field) -> None:
        """Refuse radii that are none."""
        try:
            parse_levels(field.data)
        except ValueError as e:
            raise ValidationError(str(e)) from e

    def recipe(self) -> dict[str, Any]:
        """The recipe that the pipeline reads."""
        return recipe_of(
            attacks=self.attacks.data,
            eps=parse_levels(self.eps.data),
            region=self.region.data,
            targeted=self.goal.data == LEAST_LIKELY,
            precision=self.precision.data,
            per_cell=self.per_cell.data,
            seed=self.seed.data,
        )


def recipe_of(
    *,
    attacks: list[str],
    eps: list[float],
    per_cell: int,
    seed: int,
    region: str = WHOLE_IMAGE,
    targeted: bool = False,
    precision: str = FP32,
) -> dict[str, Any]:
    """A recipe: each attack with each radius, once for an attack that has its own, all in one region."""
    specs = [{"name": name, "eps": None if name in _WITHOUT_EPS else eps, "region": region} for name in attacks]
    return {"attacks": specs, "per_cell": per_cell, "seed": seed, "targeted": targeted, "precision": precision}
