"""What makes clean-label images hard to learn from, so that their trigger is learned instead."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import BadPoison

PGD, CW, INTERPOLATED = "pgd", "cw", "interpolated"
METHODS = {
    PGD: "away from their class, within a radius in the Euclidean norm",
    CW: "over the nearest boundary and beyond it, by Carlini and Wagner",
    INTERPOLATED: "towards the features of an image of another class",
}


_RANGES = {"eps": (1e-3, 1000.0), "kappa": (0.0, 1000.0), "steps": (1, 1000), "share": (0.01, 1.0)}


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """How images are changed under a proxy, a classifier that should be hardened: only then do changes show features.

    Turner, Tsipras and Madry 2019, arXiv:1912.02771, section 4, by PGD; their interpolation in the latent space of a
    generator is one between the proxy's features here, and goes there by the gradient. The defaults were chosen on the
    validation split of MNIST digits of 28x28 pixels (a trigger of 2x2 on half of a class); what they bring on test
    images stands in docs/results/poisoning.md. Larger pictures need a longer change.

    Attributes:
        method: one of `METHODS`.
        eps: length of the change in the Euclidean norm, with pixels in [0, 1]; not of `CW`, which has no bound.
        kappa: of `CW`: by how many logits the wrong class shall lead.
        steps: of the gradient.
        share: of `INTERPOLATED`: how far the features go towards those of the other image.

    Raises:
        BadPoison: a value outside its range.
    """

    method: str = INTERPOLATED
    eps: float = 8.0
    kappa: float = 10.0
    steps: int = 40
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadPoison(f"a perturbation by {self.method!r}; give one of {', '.join(METHODS)}")
        for name, (lowest, highest) in _RANGES.items():
            value = getattr(self, name)
            kinds = (int,) if name == "steps" else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not lowest <= value <= highest:
                raise BadPoison(f"perturbation {name} {value!r}; give a number from {lowest:g} to {highest:g}")

    def to_json(self) -> dict[str, object]:
        """The perturbation as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Perturbation":
        """The perturbation from what `to_json` gave; what is not named keeps its default.

        Raises:
            BadPoison: an unknown name, or a value that none can have.
        """
        if unknown := sorted(set(values) - set(cls.__dataclass_fields__)):
            raise BadPoison(f"a perturbation has no {', '.join(unknown)}; it has {', '.join(cls.__dataclass_fields__)}")
        return cls(**values)
