"""The form of a detector to be trained."""

from collections.abc import Iterable
from typing import Any

from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from pipeline.attacks.names import type_name
from pipeline.attacks.radii import radius_words
from pipeline.detection.settings import DetectorSettings
from webapp.forms.parts import MultiCheckboxField, NamedForm, artefact_field, choices_of, offer
from webapp.records.artefacts import Artefact


class DetectorForm(NamedForm):
    """A detector to be trained."""

    adversarial_id = artefact_field(
        "Adversarial set", "The detector learns from it and from the clean images behind it."
    )
    epochs = IntegerField(
        "Epochs",
        [InputRequired("Give a number."), NumberRange(1, 500, "Use 1 to 500.")],
        default=DetectorSettings().epochs,
    )
    draws = IntegerField(
        "Attacked images an epoch",
        [InputRequired("Give a number."), NumberRange(1, 1_000_000, "Use 1 to 1,000,000.")],
        default=DetectorSettings().draws,
        description="Each comes with a clean and a harmlessly changed scan; time grows with it.",
    )
    evasions = IntegerField(
        "Attacks on itself an epoch",
        [InputRequired("Give a number, 0 for none."), NumberRange(0, 1_000_000, "Use 0 to 1,000,000.")],
        default=DetectorSettings().evasions,
        description="Scans that are made to pass the detector after each epoch, for it to learn from; 0 for none.",
    )
    seed = IntegerField(
        "Seed", [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")], default=0
    )
    leave_out = MultiCheckboxField(
        "Attacks to leave out",
        description="Ticked ones it never learns from, as of attacks that nobody knew. None ticked: it learns from "
        "all that the set has.",
    )
    only_eps = MultiCheckboxField(
        "Radii to learn from",
        coerce=float,
        description="Ticked ones it learns from, and from no other. None ticked: it learns from all that the set has.",
    )

    def offer_sets(self, sets: Iterable[Artefact], *, chosen: str | None = None) -> None:
        """Let it choose among these sets, their attacks and their radii."""
        rows = list(sets)
        offer(self.adversarial_id, rows, chosen=chosen)
        cells = [(str(count["attack"]), float(count["eps"])) for row in rows for count in row.facts.get("counts", ())]
        words: dict[float, list[str]] = {}
        for attack, eps in cells:
            words.setdefault(eps, []).append(radius_words(eps, attack))
        self.leave_out.choices = choices_of((name, type_name(name)) for name in sorted({name for name, _ in cells}))
        self.only_eps.choices = choices_of((repr(eps), " or ".join(sorted(set(words[eps])))) for eps in sorted(words))

    @property
    def leaves_out(self) -> bool:
        """Whether something was chosen to be left out, or refused, so that the choice should be seen."""
        fields = (self.leave_out, self.only_eps)
        return bool(self.form_errors) or any(field.data or field.errors for field in fields)

    def training(self) -> dict[str, Any]:
        """What the trainer is told."""
        names = ("epochs", "draws", "evasions", "seed", "leave_out", "only_eps")
        return {name: self[name].data for name in names}
