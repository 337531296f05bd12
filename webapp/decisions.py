"""A stored decision as it is told: the class is withheld unless the verdict is clean."""

from typing import Any

from pipeline.gate.decision import Verdict
from webapp.records.screenings import Screening

HELD = (Verdict.ADVERSARIAL, Verdict.UNCERTAIN)
"""The verdicts that withhold the class."""

_POINT = ("alpha", "alpha_uncertain", "band", "n_calibration")
_MODELS = (
    "gate_id",
    "classifier_id",
    "classifier_sha256",
    "detector_id",
    "detector_sha256",
    "graph_sha256",
    "preprocessing",
)


def reason_of(row: Screening) -> str:
    """Why the gate decided so, in a sentence."""
    return str(row.decision["reason"])


def withheld(row: Screening) -> dict[str, Any] | None:
    """Class and probability whatever the verdict; only for who gave a reason that was written down."""
    found: dict[str, Any] | None = row.decision["prediction"]
    return found


def decision_json(row: Screening) -> dict[str, Any]:
    """The decision as the API tells it: no class unless clean, and no raw score, which would guide an attacker."""
    found = row.decision
    return {
        "id": row.id,
        "verdict": row.verdict,
        "reason": reason_of(row),
        "p_value": found["p_value"],
        **{name: found[name] for name in _POINT},
        "prediction": withheld(row) if row.verdict == Verdict.CLEAN else None,
        "attack": found["attack"] if row.verdict in HELD else None,
        "models": {name: found[name] for name in _MODELS},
        "input_sha256": row.sha256,
        "file_type": found["file_type"],
        "latency_ms": found["latency_ms"],
        "name": row.name,
        "created": row.created.isoformat(),
    }
