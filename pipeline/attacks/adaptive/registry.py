"""Every adaptive attack by its name; reading it loads no torch."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pipeline.attacks.adaptive.attack import AdaptiveAttack
from pipeline.attacks.adaptive.augmented import AugmentedCW
from pipeline.attacks.adaptive.features import FeatureMatching
from pipeline.attacks.adaptive.joint import JointPGD
from pipeline.attacks.adaptive.orthogonal import OrthogonalPGD, SelectivePGD
from pipeline.attacks.adaptive.square import GateSquare
from pipeline.attacks.adaptive.transfer import SurrogateTransfer
from pipeline.errors import BadAttack

_ALL: tuple[type[AdaptiveAttack], ...] = (
    JointPGD,
    OrthogonalPGD,
    SelectivePGD,
    FeatureMatching,
    AugmentedCW,
    SurrogateTransfer,
    GateSquare,
)

ADAPTIVE_ATTACKS: dict[str, type[AdaptiveAttack]] = {attack.NAME: attack for attack in _ALL}


def create_adaptive(name: str, params: Mapping[str, Any] | None = None) -> AdaptiveAttack:
    """An adaptive attack from its name and its parameters, of JSON values; the rest are its defaults.

    Raises:
        BadAttack: no such attack or parameter, or a value that is not allowed.
    """
    if name not in ADAPTIVE_ATTACKS:
        raise BadAttack(f"no adaptive attack {name!r}; there are {', '.join(ADAPTIVE_ATTACKS)}")
    attack, params = ADAPTIVE_ATTACKS[name], dict(params or {})
    known = [field.name for field in fields(attack)]
    if unknown := sorted(set(params) - set(known)):
        raise BadAttack(f"{name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}")
    return attack(**params)
