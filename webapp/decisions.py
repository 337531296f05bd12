"""A stored decision as it is told: the class is withheld unless the verdict is clean."""

from collections.abc import Mapping
from typing import Any

from detector.conformal import alarms
from detector.named import UNKNOWN
from pipeline.attacks.names import type_name
from pipeline.gate.decision import Verdict
from pipeline.gate.strip_choice import SUMS
from webapp.records.screenings import Screening

HELD = (Verdict.ADVERSARIAL, Verdict.UNCERTAIN)
"""The verdicts that withhold the class."""

_SHOWN_OF_STRIP = ("by", "rate", "band", "n_calibration", "n_overlays", "p_value", "fired", "guess")
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


def attack_words(attack: Mapping[str, Any]) -> str:
    """What a suspected attack looks like, as the attack of a stored decision says it.

    Decisions of before several types were said together name no `types`: of these the likelier half is said.
    """
    if "types" not in attack:
        sure = attack["type_probability"] >= 0.5
        return type_name(attack["type"]) if sure else _of_family(attack["family"])
    if not attack["types"]:
        return "an attack of no known kind"
    if attack["type"] == UNKNOWN:
        return _of_family(attack["family"])
    return " or ".join(type_name(word) for word in attack["types"])


def suspicion(told: Mapping[str, Any]) -> str:
    """What an adversarial scan is suspected of, by detector, by STRIP or by both, as its heading says."""
    strip = told["strip"]
    trigger = strip["guess"] if strip is not None and strip["fired"] else None
    if trigger is not None and not alarms(told["p_value"], told["alpha"]):
        return f"Suspected {trigger}"
    words = "Suspected manipulation" + (f": looks like {attack_words(told['attack'])}" if told["attack"] else "")
    return words if trigger is None else f"{words}, and like a {trigger}"


def _of_family(family: str) -> str:
    return f"an attack of the family “{family}”"


def reason_of(row: Screening) -> str:
    """Why the gate decided so, in a sentence."""
    return str(row.decision["reason"])


def withheld(row: Screening) -> dict[str, Any] | None:
    """Class and probability whatever the verdict; only for who gave a reason that was written down."""
    found: dict[str, Any] | None = row.decision["prediction"]
    return found


def _strip(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """What STRIP says, but for how much it wavers, which would guide an attacker; None for gates without it."""
    strip = found.get("strip")
    # Before there were parts, nothing said that it was by sums.
    return None if strip is None else {"by": SUMS, **{name: strip[name] for name in _SHOWN_OF_STRIP if name in strip}}


def decision_json(row: Screening) -> dict[str, Any]:
    """The decision as the API tells it: no class unless clean, and no raw score, which would guide an attacker."""
    found = row.decision
    return {
        "id": row.id,
        "verdict": row.verdict,
        "reason": reason_of(row),
        "p_value": found["p_value"],
        **{name: found[name] for name in _POINT},
        "held_at_most": found.get("held_at_most", found["alpha"]),
        "strip": _strip(found),
        "prediction": withheld(row) if row.verdict == Verdict.CLEAN else None,
        "attack": found["attack"] if row.verdict in HELD else None,
        "models": {name: found[name] for name in _MODELS},
        "input_sha256": row.sha256,
        "file_type": found["file_type"],
        "latency_ms": found["latency_ms"],
        "name": row.name,
        "created": row.created.isoformat(),
    }
