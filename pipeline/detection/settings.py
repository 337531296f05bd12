"""How a detector is trained."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pipeline.errors import BadDetector

MIN_CROP = 16
_CHOICES: dict[str, tuple[type, ...]] = {"leave_out": (str,), "only_eps": (int, float)}


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
        evasive: share of the attacked draws, from the second epoch on, that were made against the detector as it stood
            after an earlier one, see `evasions`; 0 for none.
        evasions: scans that it is attacked on after each epoch, with so many `evasion_steps`; 0 for none.
        seed: of the first weights, the division and every draw.
        leave_out: attacks whose rows it never learns from, by their registered names, as of an attack that nobody
            knew; what it was not shown it is judged on.
        only_eps: the radii that it learns from, in pixel fractions; none for all. An attack without a radius has 0.

    Raises:
        BadDetector: a value out of its range.
    """

    epochs: int = 6
    draws: int = 4000
    batch: int = 16
    crop: int | None = 160
    lr: float = 3e-3
    ema_decay: float = 0.995
    held_out: float = 0.2
    evasive: float = 0.25
    evasions: int = 0
    evasion_steps: int = 12
    seed: int = 0
    leave_out: tuple[str, ...] = ()
    only_eps: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("leave_out", "only_eps"):
            object.__setattr__(self, name, _listed(name, getattr(self, name)))
        for name, low, high in (
            ("epochs", 1, 1000),
            ("draws", 1, 10_000_000),
            ("batch", 1, 1024),
            ("lr", 1e-6, 1.0),
            ("ema_decay", 0.0, 0.99999),
            ("held_out", 0.05, 0.5),
            ("evasive", 0.0, 1.0),
            ("evasions", 0, 1_000_000),
            ("evasion_steps", 1, 10_000),
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

    @property
    def is_hardened(self) -> bool:
        """Whether it learns from attacks on itself; never where an attack is left out, which they would be kin to."""
        return self.evasive > 0 and self.evasions > 0 and not self.leave_out

    def to_json(self) -> dict[str, object]:
        """The settings as JSON values."""
        values = asdict(self)
        # Only where something is chosen, so that notes and checkpoints of before keep their names.
        return {name: value for name, value in values.items() if value != () or name not in _CHOICES}

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


def _listed(name: str, values: object) -> tuple[object, ...]:
    """A choice as a tuple; JSON has lists."""
    allowed = _CHOICES[name]
    if not isinstance(values, list | tuple) or not all(isinstance(value, allowed) for value in values):
        example = '["pgd"]' if name == "leave_out" else "[0.0078]"
        raise BadDetector(f"{name} {values!r}; give a list, such as {example}")
    return tuple(values)
