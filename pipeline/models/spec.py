"""What must be known of a classifier beside its weights."""

import math
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from pipeline.errors import BadClassifier

Head = Literal["logits", "probabilities", "sigmoid"]
HEADS: tuple[str, ...] = get_args(Head)

MIN_SIDE = 8
MAX_SIDE = 2048
MIN_SIDES = {"SequentialCNN": 16, "SmallCNN": 12, "resnet18": 32, "efficientnet_b0": 32}
"""What each architecture needs at least; here, so that a process without torch can refuse less."""


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec:
    """Input, classes and head of a classifier; written beside its weights as JSON.

    `mean` and `std` are of pixels in [0, 1], one value a channel. `head` says what the network
    gives: "logits" (N, K), "probabilities" (N, K), or "sigmoid", one logit (N, 1) of the second
    of two classes.

    Raises:
        BadClassifier: a value that no classifier can have.
    """

    architecture: str
    channels: int
    height: int
    width: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    head: Head = "logits"

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise BadClassifier(f"{self.channels} channels; a classifier takes 1 (grey) or 3 (RGB)")
        for side, pixels in (("height", self.height), ("width", self.width)):
            if not MIN_SIDE <= pixels <= MAX_SIDE:
                raise BadClassifier(f"{side} {pixels}; give {MIN_SIDE} to {MAX_SIDE} pixels")
        if len(self.classes) < 2 or len(set(self.classes)) != len(self.classes):
            raise BadClassifier(f"classes {list(self.classes)}; give at least two, each with its own name")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels or not all(math.isfinite(value) for value in values):
                raise BadClassifier(f"{name} {list(values)}; give {self.channels} finite numbers, one a channel")
        if min(self.std) <= 0:
            raise BadClassifier(f"std {list(self.std)}; give numbers above 0")
        if self.head not in HEADS:
            raise BadClassifier(f"head {self.head!r}; give one of {', '.join(HEADS)}")
        if self.head == "sigmoid" and len(self.classes) != 2:
            raise BadClassifier(f"a sigmoid head with {len(self.classes)} classes; it tells two classes apart")

    @property
    def n_outputs(self) -> int:
        """How many numbers the network gives an image."""
        return 1 if self.head == "sigmoid" else len(self.classes)

    def judges(self, height: int, width: int) -> bool:
        """Whether an image is large enough to be screened: at least half of what the classifier sees."""
        return 2 * height >= self.height and 2 * width >= self.width

    def to_json(self) -> dict[str, object]:
        """The specification as JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: object) -> "ClassifierSpec":
        """The specification from what `to_json` gave.

        Raises:
            BadClassifier: a key is missing, unknown or of another type.
        """
        if not isinstance(values, dict):
            raise BadClassifier(f"a specification is a JSON object, found {type(values).__name__}")
        required = set(cls.__dataclass_fields__) - {"head"}
        missing = sorted(required - set(values))
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if missing or unknown:
            raise BadClassifier(f"specification: missing keys {missing}, unknown keys {unknown}")
        try:
            return cls(
                architecture=str(values["architecture"]),
                channels=int(values["channels"]),
                height=int(values["height"]),
                width=int(values["width"]),
                classes=tuple(str(name) for name in values["classes"]),
                mean=tuple(float(value) for value in values["mean"]),
                std=tuple(float(value) for value in values["std"]),
                head=values.get("head", "logits"),
            )
        except (TypeError, ValueError) as e:
            if isinstance(e, BadClassifier):
                raise
            raise BadClassifier(f"specification: {e}; see the fields of ClassifierSpec") from e


def check_side(architecture: str, height: int, width: int) -> None:
    """Refuse an input that is too small for its architecture.

    Raises:
        BadClassifier: names the smallest side; an unknown architecture is none of its business.
    """
    least = MIN_SIDES.get(architecture, MIN_SIDE)
    if min(height, width) < least:
        raise BadClassifier(
            f"{architecture} takes images from {least}x{least} pixels, found {height}x{width}; give a larger input size"
        )
