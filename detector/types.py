"""What the detector can call an attack, and the families that are told apart more surely than types."""

from collections.abc import Sequence

TYPES = ("none", "fgsm", "bim", "pgd", "mim", "cw")
"""The outputs of the type head, in order; "none" is a clean or harmlessly changed image."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "single-step": ("fgsm",),
    "iterative sign": ("bim", "pgd", "mim"),
    "optimised": ("cw",),
}
"""Types that leave much the same trace after rounding to the file's levels stand in one family."""

_ALIASES = {"fgm_l2": "fgsm", "pgd_l2": "pgd"}


def type_index(attack: str) -> int | None:
    """The place of an attack in `TYPES`, or None for an attack that the head has no name for."""
    name = _ALIASES.get(attack, attack)
    return TYPES.index(name) if name in TYPES else None


def attack_probabilities(type_probs: Sequence[float]) -> dict[str, float]:
    """Each attack type's probability given that there was an attack; "none" is left out.

    A head that is sure of "none" down to the last bit leaves nothing to share out; the types are
    then equally likely.
    """
    attacked = [max(float(p), 0.0) for p in type_probs[1:]]
    total = sum(attacked)
    if total <= 0:
        return {name: 1 / (len(TYPES) - 1) for name in TYPES[1:]}
    return {name: p / total for name, p in zip(TYPES[1:], attacked, strict=True)}


def family_probabilities(types: dict[str, float]) -> dict[str, float]:
    """Each family's probability: the sum over its types."""
    return {family: sum(types[name] for name in members) for family, members in FAMILIES.items()}
