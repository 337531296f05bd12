"""Forms of classifiers: train one, or import a file of weights."""

from typing import Any

from wtforms import FloatField, IntegerField, SelectField
from wtforms.validators import InputRequired, NumberRange, Optional

from pipeline.training.hardening_settings import FAST, METHODS, PGD, HardeningSettings
from pipeline.training.settings import TrainingSettings
from webapp.forms.parts import NamedForm, artefact_field, choices_of, file_field

ARCHITECTURES = [
    ("SequentialCNN", "SequentialCNN (small, ours; the best start)"),
    ("SmallCNN", "SmallCNN (ours, for pictures of a few dozen pixels)"),
    ("resnet18", "ResNet-18"),
    ("efficientnet_b0", "EfficientNet-B0"),
]
HEADS = [
    ("logits", "Logits (one number a class, no softmax)"),
    ("probabilities", "Probabilities (softmax inside)"),
    ("sigmoid", "One logit of a two-class model"),
]
NOT_HARDENED = "none"
HARDENINGS = [(NOT_HARDENED, "None: learn from clean images"), *METHODS.items()]


_USUAL = TrainingSettings()
_USUAL_EPS = HardeningSettings(method=FAST).eps
_OWN = "Of pixels in [0, 1]. Empty: what the architecture is made for."


class _ShapedForm(NamedForm):
    dataset_id = artefact_field("Data set", "Its classes become the classes of the classifier.")
    architecture = SelectField("Architecture", choices=choices_of(ARCHITECTURES))
    side = IntegerField(
        "Side of the input, in pixels",
        [InputRequired("Give a number."), NumberRange(16, 512, "Use 16 to 512.")],
        default=_USUAL.size,
        description="Every image is resized to this square inside the model.",
    )


class TrainClassifierForm(_ShapedForm):
    """A classifier to be trained."""

    epochs = IntegerField(
        "Epochs at most",
        [InputRequired("Give a number."), NumberRange(1, 500, "Use 1 to 500.")],
        default=_USUAL.epochs,
        description="Training ends earlier when the validation split no longer improves.",
    )
    seed = IntegerField(
        "Seed", [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")], default=0
    )

    hardening = SelectField(
        "Hardening",
        choices=choices_of(HARDENINGS),
        default=NOT_HARDENED,
        description=(
            "Learn from attacked images. An epoch takes about twice as long with FGSM, and about six times with PGD"
            f" of {HardeningSettings(method=PGD).n_gradients} steps; accuracy on clean scans may fall."
        ),
    )
    hardening_levels = FloatField(
        "Its radius, in n/255",
        [Optional(), NumberRange(0.01, 127, "Use more than 0 and at most 127.")],
        default=round(_USUAL_EPS * 255, 6),
        description="By how much each pixel of what it learns from is changed at most.",
    )

    def training(self) -> dict[str, Any]:
        """What the trainer is told."""
        levels = self.hardening_levels.data
        how = hardening_of(self.hardening.data, _USUAL_EPS if levels is None else levels / 255)
        return {"epochs": self.epochs.data, "seed": self.seed.data, **how}


class ImportClassifierForm(_ShapedForm):
    """A file of weights to be imported."""

    file = file_field(
        "Weights",
        "A .safetensors file or a .pt/.pth state dict. Pickled models are refused, since opening one runs its code.",
        accept=".safetensors,.pt,.pth",
    )
    channels = SelectField("Channels", choices=choices_of([("1", "Grey"), ("3", "Colour")]))
    head = SelectField("Output", choices=choices_of(HEADS))
    mean = FloatField(
        "Mean of the normalisation", [Optional(), NumberRange(-1e6, 1e6, "Use a finite number.")], description=_OWN
    )
    std = FloatField(
        "Its standard deviation", [Optional(), NumberRange(1e-6, 1e6, "Use more than 0.")], description=_OWN
    )

    def reading(self) -> dict[str, Any]:
        """How the file is to be read; a normalisation that is not given is left to the architecture."""
        given = {"mean": self.mean.data, "std": self.std.data}
        normalisation = {name: value for name, value in given.items() if value is not None}
        return {"channels": int(self.channels.data), "head": self.head.data, **normalisation}


def hardening_of(method: str, eps: float | None) -> dict[str, Any]:
    """The setting of a training that hardens by this method, within the usual radius where none is given; or nothing.

    Raises:
        BadTraining: no such method, or a radius that none can have.
    """
    if method == NOT_HARDENED:
        return {}
    how = HardeningSettings(method=method, eps=_USUAL_EPS if eps is None else eps)
    return {"hardening": how.to_json()}
