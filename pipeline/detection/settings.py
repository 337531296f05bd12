"""How a detector is trained."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pipeline.errors import BadDetector

MIN_CROP = 16


@dataclass(frozen=True, kw_only=True)
class DetectorSettings:
    """Everything but the data that decides what a detector becomes.

    Attributes:
        epochs: after each the running average is judged on held-out parents and a checkpoint is written.
        draws: attacked images drawn an epoch; each brings its clean parent or another clean scan, and a
            harmlessly changed one, so that an epoch sees three times as many.
        batch: attacked images a step.
        crop: side in pixels of what is learned from; whole images are judged. None learns from whole images.
        lr: the highest learning rate.
        ema_decay: how much of the running average one step keeps.
        held_out: share of the detector split, by groups of look-alikes, that chooses the epoch and weighs the
            evidence.
        seed: of the first weights, the division and every draw.

    Raises:
        BadDetector: a value out of its range.
    """

    epochs: int = 4
    draws: int = 6000
    batch: int = 16
    crop: int | None = 160
    lr: float = 3e-3
    ema_decay: float = 0.995
    held_out: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 1000),
            ("draws", 1, 10_000_000),
            ("batch", 1, 1024),
            ("lr", 1e-6, 1.0),
            ("ema_decay", 0.0, 0.99999),
            ("held_out", 0.05, 0.5),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadDetector(f"{name} {value}; give {low} to {high}")
        if self.crop is not None and self.crop < MIN_CROP:
            raise BadDetector(f"crop {self.crop}; give at least {MIN_CROP} pixels, or none for whole images")

    @property
    def steps_an_epoch(self) -> int:
        """How many batches an epoch has."""
        return -(-self.draws // self.batch)

    def to_json(self) -> dict[str, object]:
        """The settings as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "DetectorSettings":
        """Settings from JSON values; what is not named keeps its default.

        Raises:
            BadDetector: an unknown name, or a value that is not allowed.
        """
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise BadDetector(f"no detector setting {', '.join(unknown)}; there are {', '.join(known)}")
        try:
            return cls(**values)
        except TypeError as e:
            raise BadDetector(f"detector settings: {e}; give numbers") from e
