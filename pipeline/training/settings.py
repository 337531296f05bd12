"""How a classifier is trained; known without torch, so that a form can be made of it."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pipeline.errors import BadTraining
from pipeline.training.hardening_settings import HardeningSettings

# (lowest, highest) of each number; what lies outside was never meant.
_RANGES = {
    "size": (8, 1024),
    "epochs": (1, 1000),
    "batch_size": (2, 1024),
    "learning_rate": (1e-6, 1.0),
    "weight_decay": (0.0, 1.0),
    "warm_up": (0.0, 0.9),
    "label_smoothing": (0.0, 0.5),
    "averaging": (0.0, 0.9999),
    "patience": (1, 1000),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far an image may be moved and toned; each value is drawn evenly within its bounds.

    Attributes:
        flip: share of the images that are mirrored left to right.
        rotation: largest angle in degrees, either way.
        scale: largest change of size, as a share.
        shift: largest move, as a share of the side.
        contrast: largest change of contrast, as a share.
        brightness: largest change of brightness, in pixels of [0, 1].

    Raises:
        BadTraining: a value outside its range.
    """

    flip: float = 0.5
    rotation: float = 8.0
    scale: float = 0.08
    shift: float = 0.04
    contrast: float = 0.15
    brightness: float = 0.04

    def __post_init__(self) -> None:
        for one in fields(self):
            value, highest = getattr(self, one.name), 180.0 if one.name == "rotation" else 1.0
            if not isinstance(value, (int, float)) or not 0 <= value <= highest:
                raise BadTraining(f"augmentation {one.name} {value!r}; give 0 to {highest:g}")

    @classmethod
    def from_json(cls, values: object) -> "Augmentation":
        """Augmentation from a JSON object; what is not named keeps its default.

        Raises:
            BadTraining: not an object, an unknown name, or a value that is no number in range.
        """
        if not isinstance(values, dict):
            raise BadTraining(f"augmentation is a JSON object, found {type(values).__name__}")
        try:
            return cls(**values)
        except TypeError as e:
            raise BadTraining(f"augmentation: {e}; see Augmentation") from e


_PARTS: dict[str, type] = {"augmentation": Augmentation, "hardening": HardeningSettings}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What to train and how long.

    The defaults were chosen on held-out training scans of 224x224. At a `size` of 128 the same network learns three
    times as fast and as well, but a detector sees what the classifier sees, and making scans smaller averages the
    smallest perturbations away; so the default keeps the size of the scans.

    Attributes:
        architecture: a name from the registry.
        size: side in pixels of the square that the classifier sees.
        pretrained: start from ImageNet weights on this machine, where the architecture has some.
        epochs: at most; the learning rate falls to zero over exactly these.
        batch_size: images a step; the remainder of an epoch is spread over its batches.
        learning_rate: highest, of AdamW.
        weight_decay: of AdamW.
        warm_up: share of the steps in which the rate rises.
        label_smoothing: share of the target spread over all classes.
        averaging: decay a step of the running mean of the weights, which is what is judged and kept; 0 keeps the
            weights themselves.
        patience: epochs without a lower validation loss, or with a hardening without a higher robust accuracy, after
            which training stops.
        seed: of starting weights, order, augmentation and dropout.
        device: "auto" (a GPU where there is one), "cpu", or torch's name of a GPU.
        mixed_precision: bfloat16 (float16 on GPUs without it) where the machine computes it in hardware.
        augmentation: see `Augmentation`.
        hardening: the attacks that it learns from, see `HardeningSettings`; None learns from clean images alone.

    Raises:
        BadTraining: a value of another type, or a number outside its range.
    """

    architecture: str = "SequentialCNN"
    size: int = 224
    pretrained: bool = False
    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    warm_up: float = 0.2
    label_smoothing: float = 0.1
    averaging: float = 0.998
    patience: int = 15
    seed: int = 0
    device: str = "auto"
    mixed_precision: bool = True
    augmentation: Augmentation = field(default_factory=Augmentation)
    hardening: HardeningSettings | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value, kind = getattr(self, one.name), _PARTS.get(one.name, type(one.default))
            if value is one.default:
                continue
            if not (type(value) is kind or (kind is float and type(value) is int)):
                raise BadTraining(f"{one.name} {value!r}; give a value of type {kind.__name__}")
        for name, (lowest, highest) in _RANGES.items():
            value = getattr(self, name)
            # Written so that NaN is refused too.
            if not lowest <= value <= highest:
                raise BadTraining(f"{name} {value}; give {lowest} to {highest}")

    def to_json(self) -> dict[str, object]:
        """The settings as JSON values; a hardening only where there is one, so that no earlier id changes."""
        values = asdict(self)
        del values["hardening"]
        return values if self.hardening is None else {**values, "hardening": self.hardening.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TrainingSettings":
        """Settings from JSON values; what is not named keeps its default.

        Raises:
            BadTraining: an unknown name, or a value of another type or outside its range.
        """
        known = {one.name for one in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise BadTraining(f"no setting {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        given = dict(values)
        if "augmentation" in given and not isinstance(given["augmentation"], Augmentation):
            given["augmentation"] = Augmentation.from_json(given["augmentation"])
        if not isinstance(given.get("hardening"), HardeningSettings | None):
            given["hardening"] = HardeningSettings.from_json(given["hardening"])
        return cls(**given)
