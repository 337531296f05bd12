"""Every attack by its name; reading it loads no torch. `art:` names lead to the toolbox that is an extra."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pipeline.attacks.apgd import APGD, APGDL2, APGDT
from pipeline.attacks.art_adapter import PREFIX, art_attack, art_class
from pipeline.attacks.attack import Attack
from pipeline.attacks.bim import BIM
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.ddn import DDN
from pipeline.attacks.deepfool import DeepFool
from pipeline.attacks.fgsm import FGML2, FGSM
from pipeline.attacks.mim import MIM
from pipeline.attacks.pgd import PGD, PGDL2
from pipeline.attacks.square import Square, SquareL2
from pipeline.attacks.universal import Universal
from pipeline.errors import BadAttack

_ALL: tuple[type[Attack], ...] = (
    FGSM,
    FGML2,
    BIM,
    PGD,
    PGDL2,
    MIM,
    CarliniWagner,
    DeepFool,
    DDN,
    APGD,
    APGDL2,
    APGDT,
    Square,
    SquareL2,
    Universal,
)

ATTACKS: dict[str, type[Attack]] = {attack.NAME: attack for attack in _ALL}


def attack_class(name: str) -> type[Attack]:
    """The attack with this name.

    Raises:
        BadAttack: there is none.
    """
    if name.startswith(PREFIX):
        return art_class(name)
    if name not in ATTACKS:
        raise BadAttack(f"no attack {name!r}; there are {', '.join(ATTACKS)}, and {PREFIX}<class>")
    return ATTACKS[name]


def create(name: str, params: Mapping[str, Any] | None = None) -> Attack:
    """An attack from its name and its parameters, of JSON values; the rest are its defaults.

    Raises:
        BadAttack: no such attack or parameter, or a value that is not allowed.
    """
    if name.startswith(PREFIX):
        return art_attack(name, params or {})
    attack = attack_class(name)
    params = dict(params or {})
    known = [field.name for field in fields(attack)]
    if unknown := sorted(set(params) - set(known)):
        raise BadAttack(f"{name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}")
    return attack(**params)


def attack_type(name: str) -> str:
    """The type that a detector calls this attack by: variants of an attack share one.

    Raises:
        BadAttack: there is no such attack.
    """
    return attack_class(name).TYPE
