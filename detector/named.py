"""What is said of an attack: one type, several that cannot be told apart, whole families, or that it is unknown."""

from collections.abc import Sequence
from dataclasses import dataclass

from detector.types import FAMILIES, attack_probabilities, family_probabilities

UNKNOWN = "unknown"

SURE = 0.8
"""What is said must be right with this probability: four times in five. Our choice."""


@dataclass(frozen=True)
class Named:
    """What is said.

    Attributes:
        families: most likely first; none where the attack is unknown.
        types: all that it may be, most likely first; none where it is unknown.
        probability: that it is one of them, given that it is an attack of a known type; 0 for unknown.
    """

    families: tuple[str, ...]
    types: tuple[str, ...]
    probability: float

    @property
    def family(self) -> str:
        """The families as words."""
        return " or ".join(self.families) or UNKNOWN

    @property
    def type(self) -> str:
        """The types as words; unknown where all that can be said is the family, or nothing."""
        of_family = len(self.families) == 1 and (len(self.types) < len(FAMILIES[self.families[0]]) or self.is_one)
        return " or ".join(self.types) if of_family else UNKNOWN

    @property
    def is_one(self) -> bool:
        """Whether a single type is said."""
        return len(self.types) == 1


def name_attack(type_probs: Sequence[float]) -> Named:
    """What may be said of an attack with these calibrated probabilities of `TYPES`.

    Unknown where "none of the known attacks" is likelier than all known ones together. Otherwise as few families as
    are `SURE` together, and unknown where that takes all of them; of a single family as few of its types.
    """
    if type_probs[0] > sum(type_probs[1:]):
        return Named((), (), 0.0)
    types = attack_probabilities(type_probs)
    of_families = family_probabilities(types)
    families = _fewest(of_families)
    if len(families) == len(FAMILIES):
        return Named((), (), 0.0)
    members = {name: types[name] for family in families for name in FAMILIES[family]}
    said = _fewest(members) if len(families) == 1 else tuple(sorted(members, key=members.__getitem__, reverse=True))
    return Named(families, said, min(1.0, sum(types[name] for name in said)))


def _fewest(probabilities: dict[str, float]) -> tuple[str, ...]:
    """The likeliest, as many as are sure together, or all."""
    ranked = sorted(probabilities, key=probabilities.__getitem__, reverse=True)
    total = 0.0
    for k, name in enumerate(ranked):
        total += probabilities[name]
        if total >= SURE:
            return tuple(ranked[: k + 1])
    return tuple(ranked)
