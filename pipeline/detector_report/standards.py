"""How others name what is measured here: NIST AI 100-2e2025 and MITRE ATLAS.

Ids and names are those of NIST AI 100-2e2025 (24 March 2025, index of attacks) and of MITRE ATLAS 5.6.0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_SQUARE = ("square", "square_l2", "gate_square")
_TRANSFER = ("surrogate_transfer",)


@dataclass(frozen=True)
class Standard:
    """An entry of a catalogue, and what in this report belongs to it."""

    catalogue: str
    id: str
    name: str
    what: str


_NIST = "NIST AI 100-2e2025"
_ATLAS = "MITRE ATLAS"
_ALWAYS = (
    Standard(_NIST, "NISTAML.02", "Integrity violations", "what an attacker wants: a wrong class that is believed"),
    Standard(_NIST, "NISTAML.022", "Evasion", "every attack of this report"),
    Standard(_ATLAS, "AML.T0015", "Evade AI Model", "what a scan that is accepted and wrong has done"),
    Standard(_ATLAS, "AML.T0043", "Craft Adversarial Data", "how the attacked scans were made"),
)
_WHITE = Standard(_ATLAS, "AML.T0043.000", "White-Box Optimization", "attacks that follow the classifier's gradient")
_BLACK = (
    Standard(_NIST, "NISTAML.025", "Black-box evasion", "attacks that only ask for scores"),
    Standard(_ATLAS, "AML.T0043.001", "Black-Box Optimization", "attacks that only ask for scores"),
)
_FROM_ANOTHER = Standard(_ATLAS, "AML.T0043.002", "Black-Box Transfer", "attacks made against another model")
_ANSWER = Standard(_ATLAS, "AML.M0015", "Adversarial Input Detection", "the mitigation that this report judges")


def standards(attacks: Iterable[str], *, transferred: bool) -> tuple[Standard, ...]:
    """The entries that attacks of these names belong to; `transferred` if they were made against another classifier."""
    names = {name.partition(",")[0] for name in attacks}
    found = [*_ALWAYS]
    if names - {*_SQUARE, *_TRANSFER}:
        found.append(_WHITE)
    if names & set(_SQUARE):
        found += _BLACK
    if transferred or names & set(_TRANSFER):
        found.append(_FROM_ANOTHER)
    return (*found, _ANSWER)
