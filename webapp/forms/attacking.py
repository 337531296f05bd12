"""The form of attackers who know a detector."""

from collections.abc import Iterable
from typing import Any

from wtforms import Field, FloatField, IntegerField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, NumberRange, Optional

from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS
from pipeline.detection.adaptive_plan import MAX_SCANS, AdaptivePlan
from pipeline.detection.rates import checked_alpha
from pipeline.errors import NotEnoughClean
from webapp.forms.adversarial import levels_of
from webapp.forms.parts import MultiCheckboxField, ScangateForm, choices_of, offer
from webapp.records.artefacts import Artefact

KNOWING = {name: attack.TITLE for name, attack in ADAPTIVE_ATTACKS.items() if not attack.ON_SURROGATE}
"""Attacks that the detector itself is enough for, by name, in words."""
_ON_SURROGATE = [name for name in ADAPTIVE_ATTACKS if name not in KNOWING]
USUAL = AdaptivePlan()
MAX_RADII = 20


class AttackForm(ScangateForm):
    """Attackers who know a detector, to be tried on it."""

    attacks = MultiCheckboxField(
        "Attacks",
        [DataRequired("Choose at least one.")],
        choices=choices_of(KNOWING.items()),
        default=list(KNOWING),
        description="What counts is the best of all of them on each scan, so that a further one can only find more.",
    )
    surrogate_id = SelectField(
        "Second detector",
        [Optional()],
        description=(
            "For an attacker who cannot see this detector and trains one instead: attacks on the second are tried on "
            "this one."
        ),
    )
    radii = StringField(
        "Radii, in n/255",
        [DataRequired("Give at least one, for example 2, 4, 8.")],
        default=", ".join(f"{level:g}" for level in USUAL.radii),
        description="How far every pixel may be moved. Each attack is tried at each of them.",
    )
    n = IntegerField(
        "Scans at most",
        [InputRequired("Give a number."), NumberRange(1, MAX_SCANS, f"Use 1 to {MAX_SCANS:,}.")],
        default=USUAL.n,
        description="Taken evenly from the split test. The time grows with it, and the figure's interval shrinks.",
    )
    alpha_percent = FloatField(
        "False alarms, in % of clean images", [Optional(), NumberRange(0.01, 50, "Use 0.01 to 50.")]
    )
    seed = IntegerField(
        "Seed", [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")], default=USUAL.seed
    )
    n_calibration = 0

    def suit(self, *, n_calibration: int, alpha: float, others: Iterable[Artefact]) -> None:
        """Fit it to a detector: its calibration scans, the rate of its report, and detectors of the same classes."""
        self.n_calibration = n_calibration
        self.alpha_percent.description = (
            f"The rate that the gate's threshold is set at. Empty: {100 * alpha:g}, as in its report, so that both "
            "figures can be read together."
        )
        offer(self.surrogate_id, others)
        self.surrogate_id.choices = [SelectChoice("", "None"), *self.surrogate_id.choices]

    def validate_radii(self, field: Field) -> None:
        """Refuse radii that are none, or more than the API takes."""
        try:
            levels = levels_of(field.data)
        except ValueError as e:
            raise ValidationError(str(e)) from e
        if len(levels) > MAX_RADII:
            raise ValidationError(f"{len(levels)} radii; give at most {MAX_RADII}.")

    def validate_alpha_percent(self, field: Field) -> None:
        """Refuse a rate that the calibration scans cannot support."""
        if field.data is None or field.errors:
            return
        try:
            checked_alpha(self.n_calibration, field.data / 100)
        except NotEnoughClean as e:
            raise ValidationError(f"{e}.") from e

    def order(self) -> dict[str, Any]:
        """What is ordered: the plan, the rate and the second detector."""
        percent, surrogate_id = self.alpha_percent.data, self.surrogate_id.data or None
        chosen = {"attacks": self.attacks.data, "n": self.n.data, "seed": self.seed.data}
        plan = plan_of(**chosen, radii=levels_of(self.radii.data), surrogate_id=surrogate_id)
        return {"plan": plan, "alpha": None if percent is None else percent / 100, "surrogate_id": surrogate_id}


def plan_of(*, attacks: list[str], radii: list[float], n: int, seed: int, surrogate_id: str | None) -> dict[str, Any]:
    """The plan that a job is given: with a second detector, also the attack that needs one."""
    tried = [*attacks, *_ON_SURROGATE] if surrogate_id else attacks
    return {"attacks": list(dict.fromkeys(tried)), "radii": sorted(set(radii)), "n": n, "seed": seed}
