"""What a gate keeps of STRIP, and what that says of a scan that wavers so much; without torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detector.conformal import alarms, false_alarm_band, p_values
from detector.poisoned.strip_rule import StripRule
from pipeline.gate.decision import StripFinding, StripRate
from pipeline.gate.strip_choice import PARTS, SUMS, WAYS


@dataclass(frozen=True, kw_only=True)
class StripPoint:
    """What a gate keeps of STRIP.

    Attributes:
        by: how scans and overlays are mixed, of `WAYS`.
        overlays_sha256: of the file of overlays.
        n_overlays: in it.
        rate: up to this p-value a scan is held.
        seed: that drew the overlays.
        called: the class of each overlay by the classifier, where parts are pasted onto them.
        rule: what is usual, by sums for each predicted class, of clean scans that are no overlays.
    """

    by: str = SUMS
    overlays_sha256: str
    n_overlays: int
    rate: float
    seed: int
    called: tuple[int, ...] = ()
    rule: StripRule = field(repr=False, compare=False)

    def at(self) -> StripRate:
        """The operating point as decisions tell it."""
        n = len(self.rule.calibration)
        return StripRate(
            by=self.by,
            rate=self.rate,
            band=false_alarm_band(n, self.rate),
            n_calibration=n,
            n_overlays=self.n_overlays,
        )

    @property
    def can_fire(self) -> bool:
        """Whether anything can be held; not where too many clean scans waver as little as a trigger could."""
        n_classes = len(self.rule.mean)
        scores = self.rule.score(np.zeros(n_classes), np.arange(n_classes))
        return alarms(float(p_values(self.rule.calibration, scores).min()), self.rate)

    def finding(self, wavering: float, predicted: int) -> StripFinding:
        """What it says of a scan that is called a class and wavers so much; what is not a number never fires."""
        if not math.isfinite(wavering):
            return StripFinding(p_value=1.0, wavering=wavering, fired=False)
        score = self.rule.score(np.array([wavering]), np.array([predicted]))
        p_value = float(p_values(self.rule.calibration, score)[0])
        return StripFinding(p_value=p_value, wavering=wavering, fired=alarms(p_value, self.rate))

    def to_json(self) -> dict[str, object]:
        """As the gate's description holds it; of sums as it was before there were parts, so that ids stay."""
        of_parts = {} if self.by == SUMS else {"by": self.by, "called": list(self.called)}
        return {
            **of_parts,
            "overlays_sha256": self.overlays_sha256,
            "n_overlays": self.n_overlays,
            "rate": self.rate,
            "seed": self.seed,
            "rule": self.rule.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "StripPoint":
        """What `to_json` gave; raises KeyError, TypeError, ValueError or FeatureMismatch for anything else."""
        by, called = values.get("by", SUMS), tuple(int(k) for k in values.get("called", ()))
        if by not in WAYS or len(called) != (values["n_overlays"] if by == PARTS else 0):
            raise ValueError(f"STRIP by {by!r} with {len(called)} classes of overlays; release the detector again")
        return cls(
            by=by,
            called=called,
            overlays_sha256=values["overlays_sha256"],
            n_overlays=int(values["n_overlays"]),
            rate=float(values["rate"]),
            seed=int(values["seed"]),
            rule=StripRule.from_json(values["rule"]),
        )
