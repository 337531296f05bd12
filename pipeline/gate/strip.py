"""What a gate keeps of STRIP, and what that says of an entropy; without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detector.conformal import alarms, false_alarm_band, p_values
from pipeline.gate.decision import StripFinding, StripRate


@dataclass(frozen=True, kw_only=True)
class StripPoint:
    """What a gate keeps of STRIP.

    Attributes:
        overlays_sha256: of the file of overlays.
        n_overlays: in it.
        rate: up to this p-value a scan is held.
        seed: that drew the overlays.
        calibration: minus the entropies, in bits, of clean scans that are no overlays, sorted upwards.
    """

    overlays_sha256: str
    n_overlays: int
    rate: float
    seed: int
    calibration: np.ndarray = field(repr=False, compare=False)

    def at(self) -> StripRate:
        """The operating point as decisions tell it."""
        n = len(self.calibration)
        return StripRate(
            rate=self.rate, band=false_alarm_band(n, self.rate), n_calibration=n, n_overlays=self.n_overlays
        )

    def finding(self, entropy: float) -> StripFinding:
        """What an entropy says of a scan; one that is not a number never fires."""
        p_value = float(p_values(self.calibration, np.array([-entropy]))[0])
        return StripFinding(p_value=p_value, entropy=entropy, fired=alarms(p_value, self.rate))

    def to_json(self) -> dict[str, object]:
        """As the gate's description holds it."""
        return {
            "overlays_sha256": self.overlays_sha256,
            "n_overlays": self.n_overlays,
            "rate": self.rate,
            "seed": self.seed,
            "calibration": [float(score) for score in self.calibration],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "StripPoint":
        """What `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            overlays_sha256=values["overlays_sha256"],
            n_overlays=int(values["n_overlays"]),
            rate=float(values["rate"]),
            seed=int(values["seed"]),
            calibration=np.array(values["calibration"], dtype=np.float64),
        )
