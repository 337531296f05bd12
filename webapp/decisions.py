"""A stored decision as it is told: the class is withheld unless the verdict is clean."""

from typing import Any

from pipeline.gate.decision import Decision, Prediction, Verdict
from webapp.records.screenings import Screening

HELD = (Verdict.ADVERSARIAL, Verdict.UNCERTAIN)
"""The verdicts that withhold the class."""

_TYPE_NAMES = {"fgsm": "FGSM", "bim": "BIM", "pgd": "PGD", "pgd_l2": "PGD (L2)", "mim": "MIM", "cw": "Carlini-Wagner"}


def type_name(word: str) -> str:
    """An attack type as people write it."""
    return _TYPE_NAMES.get(word, word)


def decision_of(row: Screening) -> Decision:
    """The decision as the gate made it."""
    return Decision.from_json(row.decision)


def withheld(row: Screening) -> Prediction | None:
    """Class and probability whatever the verdict; only for who gave a reason that was written down."""
    return decision_of(row).prediction


def decision_json(row: Screening) -> dict[str, Any]:
    """The decision as the API tells it."""
    told = decision_of(row).to_public()
    attack = told["attack"] if row.verdict in HELD else None
    return {
        "id": row.id,
        **told,
        "attack": attack,
        "input_sha256": row.sha256,
        "name": row.name,
        "created": row.created.isoformat(),
    }
