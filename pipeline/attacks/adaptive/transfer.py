"""Surrogate transfer: the attack runs on another detector than the one that judges."""

from dataclasses import dataclass
from typing import ClassVar

from pipeline.attacks.adaptive.joint import JointPGD


@dataclass(frozen=True, kw_only=True)
class SurrogateTransfer(JointPGD):
    """`JointPGD` on a gate of the attacker's own; what it likes best goes to the gate that judges, once.

    For what has no slope, or no copy in the attacker's hands: Papernot et al. 2017, arXiv:1602.02697. The classifier
    may be the same. No image rests at its first success, since a success that is just so on the surrogate is none
    elsewhere.
    """

    NAME: ClassVar[str] = "surrogate_transfer"
    TITLE: ClassVar[str] = "Transfer from a surrogate detector"
    ON_SURROGATE: ClassVar[bool] = True

    stop_on_success: bool = False
