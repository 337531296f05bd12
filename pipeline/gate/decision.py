"""What the gate decides of one scan, and what of it is told to whom."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from detector.named import UNKNOWN


class Verdict(StrEnum):
    """The four answers; none of them says that a scan is harmless."""

    CLEAN = "clean"
    ADVERSARIAL = "adversarial"
    UNCERTAIN = "uncertain"
    NOT_SCREENED = "not_screened"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The classifier's answer."""

    class_name: str
    probability: float

    def to_json(self) -> dict[str, object]:
        """As JSON, where the class may be called so."""
        return {"class": self.class_name, "probability": self.probability}


@dataclass(frozen=True, kw_only=True)
class AttackGuess:
    """Which attack it was, if it was one.

    Attributes:
        family: one, or several that cannot be told apart joined by "or"; "unknown" where it looks like no known attack.
        family_probability: that it is of `family`, given that it was a known attack; 0 for an unknown one.
        type: one, or several of one family joined by "or"; "unknown" where no more than the family can be said.
        type_probability: that it is of `types`, given that it was a known attack; 0 for an unknown one.
        types: all that it may be, most likely first; none where it looks like no known attack.
        probabilities: of every type, given that it was a known attack.
    """

    family: str
    family_probability: float
    type: str
    type_probability: float
    types: tuple[str, ...]
    probabilities: Mapping[str, float]

    def in_words(self) -> str:
        """What is said, and how sure it is."""
        if not self.types:
            return "attack of no known kind"
        known = f"attack family {self.family} ({self.family_probability:.2f})"
        return f"{known}, type {self.type}" + (f" ({self.type_probability:.2f})" if self.type != UNKNOWN else "")


@dataclass(frozen=True, kw_only=True)
class Models:
    """Which models decided, so that a decision can be traced and repeated."""

    gate_id: str
    classifier_id: str
    classifier_sha256: str
    detector_id: str
    detector_sha256: str
    graph_sha256: str
    preprocessing: int


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """At what false-alarm rate the gate decides, and what its calibration scans promise.

    Attributes:
        alpha: up to this p-value a scan is adversarial.
        alpha_uncertain: above `alpha` and up to this it is uncertain.
        band: where the realised rate of clean scans under `alpha` lies with 95 % probability.
        n_calibration: how many clean scans were calibrated on.
    """

    alpha: float
    alpha_uncertain: float
    band: tuple[float, float]
    n_calibration: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The decision on one scan.

    `prediction` is kept whatever the verdict, for the audited "show anyway"; `to_public` is what may be shown.
    """

    verdict: Verdict
    reason: str
    operating_point: OperatingPoint
    models: Models
    p_value: float | None = None
    score: float | None = None
    prediction: Prediction | None = None
    attack: AttackGuess | None = None
    input_sha256: str | None = None
    file_type: str | None = None
    latency_ms: float | None = None

    def to_json(self) -> dict[str, object]:
        """Everything, flat, for the records: prediction and score are in it whatever the verdict."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "p_value": self.p_value,
            "score": self.score,
            **asdict(self.operating_point),
            "prediction": None if self.prediction is None else self.prediction.to_json(),
            "attack": None if self.attack is None else asdict(self.attack),
            **asdict(self.models),
            "input_sha256": self.input_sha256,
            "file_type": self.file_type,
            "latency_ms": self.latency_ms,
        }

    def to_public(self) -> dict[str, object]:
        """What a user may see: no class unless clean, and no raw score, which would guide an attacker."""
        shown = self.to_json()
        del shown["score"]
        if self.verdict is not Verdict.CLEAN:
            shown["prediction"] = None
        return shown

    def sentences(self) -> list[str]:
        """The decision in words, one line a fact, holding back what `to_public` holds back."""
        point = self.operating_point
        lines = [f"{self.verdict.replace('_', ' ')}: {self.reason}"]
        if self.verdict is Verdict.CLEAN and self.prediction is not None:
            lines.append(f"  class {self.prediction.class_name}, probability {self.prediction.probability:.3f}")
        if self.attack is not None:
            lines.append(f"  {self.attack.in_words()}; class withheld")
        if self.p_value is not None:
            lines.append(
                f"  p = {self.p_value:.4g}; flags at {point.alpha:g}, true rate on clean scans "
                f"{point.band[0]:.2%} to {point.band[1]:.2%} (n = {point.n_calibration})"
            )
        return lines
