"""What the gate decides of one scan, and what of it is told to whom."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from detector.named import UNKNOWN
from pipeline.gate.strip_choice import PARTS, SUMS

TRIGGER = "backdoor trigger"
"""What a scan is suspected of that STRIP holds."""
TRIGGER_SEEN = {
    SUMS: "the classifier's answer survives clean scans that are added to this one",
    PARTS: "one small part of this scan brings the classifier's answer to other scans",
}
"""What STRIP has seen of such a scan, by its way."""


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
class StripRate:
    """At what rate STRIP holds clean scans, and what its own calibration scans promise.

    Attributes:
        by: "parts" where parts of a scan are pasted onto others, "sums" where others are added to it.
        rate: up to this p-value of STRIP a scan is held.
        band: where the realised rate of clean scans under `rate` lies with 95 % probability.
        n_calibration: how many clean scans it was calibrated on.
        n_overlays: how many others each scan is mixed with.
    """

    by: str
    rate: float
    band: tuple[float, float]
    n_calibration: int
    n_overlays: int


@dataclass(frozen=True, kw_only=True)
class StripFinding:
    """What STRIP says of one scan.

    Attributes:
        p_value: small where the answer wavers under the overlays less than is usual, by sums for the class called.
        wavering: by sums the mean entropy over the overlays, in bits; by parts one less the probability of the class
            that the best part of the scan brings to other scans.
        fired: whether the scan is held for it.
    """

    p_value: float
    wavering: float
    fired: bool


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """At what false-alarm rate the gate decides, and what its calibration scans promise.

    Attributes:
        alpha: up to this p-value a scan is adversarial.
        alpha_uncertain: above `alpha` and up to this it is uncertain.
        band: where the realised rate of clean scans under `alpha` lies with 95 % probability.
        n_calibration: how many clean scans were calibrated on.
        strip: the same of STRIP, where the gate has it.
    """

    alpha: float
    alpha_uncertain: float
    band: tuple[float, float]
    n_calibration: int
    strip: StripRate | None = None

    @property
    def held_at_most(self) -> float:
        """The share of clean scans that is held by design: no more than both rates together."""
        return min(1.0, self.alpha + (0.0 if self.strip is None else self.strip.rate))


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
    strip: StripFinding | None = None
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
            "held_at_most": self.operating_point.held_at_most,
            "strip": self._strip_json(),
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
        if (strip := self._strip_json()) is not None:
            del strip["wavering"]
            shown["strip"] = strip
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
        if self.strip is not None and self.strip.fired and point.strip is not None:
            lines.append(f"  suspected {TRIGGER}: {TRIGGER_SEEN[point.strip.by]}; class withheld")
        if self.p_value is not None:
            lines.append(
                f"  p = {self.p_value:.4g}; flags at {point.alpha:g}, true rate on clean scans "
                f"{point.band[0]:.2%} to {point.band[1]:.2%} (n = {point.n_calibration})"
            )
        if self.strip is not None and point.strip is not None:
            at = point.strip
            lines.append(
                f"  STRIP p = {self.strip.p_value:.4g}; holds at {at.rate:g}, true rate on clean scans "
                f"{at.band[0]:.2%} to {at.band[1]:.2%} (n = {at.n_calibration}, {at.n_overlays} overlays)"
            )
            lines.append(f"  together they hold at most {point.held_at_most:.2%} of clean scans by design")
        return lines

    def _strip_json(self) -> dict[str, object] | None:
        """Rate and finding of STRIP; null for a gate without it."""
        if self.operating_point.strip is None:
            return None
        found = {"p_value": None, "wavering": None, "fired": None} if self.strip is None else asdict(self.strip)
        guess = TRIGGER if self.strip is not None and self.strip.fired else None
        return {**asdict(self.operating_point.strip), **found, "guess": guess}
