"""How a classifier is hardened while it is trained; known without torch, so that a form can be made of it."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from datasets.store import Dataset
from pipeline.errors import BadTraining

FAST, PGD = "fast", "pgd"
METHODS = {FAST: "FGSM with a random start", PGD: "PGD with a random start"}
"""The ways of attacking what is learned from, in words."""

_STEPS = 7
_MAX_STEPS = 100
# Within half the range every image can be turned into one and the same grey, and nothing is left to learn.
_TOO_FAR = 0.5
# (lowest, highest) of each share.
_SHARES = {"warm_up": (0.0, 0.9), "share": (0.01, 1.0)}


@dataclass(frozen=True, kw_only=True)
class HardeningSettings:
    """On which attacks a classifier learns.

    Attributes:
        method: "fast" takes one step of 1.25 eps from a random start (Wong et al. 2020, arXiv:2001.03994), "pgd"
            several of 2.5 eps / steps (Madry et al. 2018, arXiv:1706.06083).
        eps: radius under Linf in pixel fractions, above 0 and below 0.5.
        steps: of "pgd", 7 where none are given; "fast" has its one.
        warm_up: share of the epochs over which eps rises from 0; rounded down to whole epochs.
        share: share of each batch that is attacked; the rest stays clean.

    Raises:
        BadTraining: an unknown method, a value of another type, or a number outside its range.
    """

    method: str
    eps: float = 4 / 255
    steps: int | None = None
    warm_up: float = 0.3
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadTraining(f"hardening method {self.method!r}; give one of {', '.join(METHODS)}")
        if not _is_number(self.eps) or not 0 < self.eps < _TOO_FAR:
            raise BadTraining(
                f"hardening eps {self.eps!r}; give a fraction of the pixel range above 0 and below {_TOO_FAR:g}, such"
                " as 4/255 = 0.0157"
            )
        for name, (lowest, highest) in _SHARES.items():
            value = getattr(self, name)
            if not _is_number(value) or not lowest <= value <= highest:
                raise BadTraining(f"hardening {name} {value!r}; give {lowest:g} to {highest:g}")
        object.__setattr__(self, "steps", self._checked_steps())

    @property
    def n_gradients(self) -> int:
        """How many gradients by the pixels each attacked image costs."""
        return self.steps or 1

    @property
    def alpha(self) -> float:
        """The length of a step where the radius is 1."""
        return 1.25 if self.method == FAST else 2.5 / self.n_gradients

    def rising_epochs(self, epochs: int) -> int:
        """How many epochs have a smaller radius; the epoch of this number is the first that has all of eps."""
        return int(self.warm_up * epochs)

    def eps_at(self, done: float, epochs: int) -> float:
        """The radius after so many epochs, which need not be whole."""
        rising = self.rising_epochs(epochs)
        return self.eps * min(1.0, done / rising) if rising else self.eps

    def to_json(self) -> dict[str, object]:
        """The settings as JSON values; the single step of "fast" is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, values: object) -> "HardeningSettings":
        """Settings from a JSON object; what is not named keeps its default.

        Raises:
            BadTraining: not an object, no method, an unknown name, or a value that is not allowed.
        """
        if not isinstance(values, dict):
            raise BadTraining(f"hardening is a JSON object, found {type(values).__name__}")
        given: dict[str, Any] = values
        known = [one.name for one in fields(cls)]
        if unknown := sorted(set(given) - set(known)):
            raise BadTraining(f"no setting {', '.join(unknown)} of the hardening; there are {', '.join(known)}")
        if "method" not in given:
            raise BadTraining(f"hardening without a method; give one of {', '.join(METHODS)}")
        return cls(**given)

    def _checked_steps(self) -> int | None:
        if self.method == FAST:
            if self.steps is not None:
                raise BadTraining(
                    f"hardening steps {self.steps!r} with the method fast, which takes one; give method pgd"
                )
            return None
        if self.steps is None:
            return _STEPS
        if type(self.steps) is not int or not 1 <= self.steps <= _MAX_STEPS:
            raise BadTraining(f"hardening steps {self.steps!r}; give a whole number from 1 to {_MAX_STEPS}")
        return self.steps


def check_hardening(dataset: Dataset, hardening: HardeningSettings | None) -> None:
    """Refuse to harden on a data set that cannot show how it goes.

    Raises:
        BadTraining: it has no validation image.
    """
    if hardening is not None and len(dataset.indices("val")) == 0:
        raise BadTraining(
            f"{dataset.name}: no validation image, by which a hardening chooses its epoch and sees that it collapsed;"
            " import it again with a share for val, or train without hardening"
        )


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
