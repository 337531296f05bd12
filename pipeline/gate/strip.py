"""STRIP in a gate: what is asked of it, what a gate keeps of it, and what that says of an entropy; without torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from detector.conformal import alarms, false_alarm_band, p_values
from pipeline.errors import BadStrip
from pipeline.gate.decision import StripFinding, StripRate

N_OVERLAYS = 32
"""Where nobody chose. Of six small classifiers of digits with a 2x2 trigger, at 1 % false rejects, 100 overlays found
72 to 100 % of the triggered images that worked, 32 found at most 3.3 points less, 20 up to 32 and 10 up to 32. Each
costs every scan one more pass of the classifier.
"""
MAX_OVERLAYS = 1000

_MAX_RATE = 0.5


@dataclass(frozen=True, kw_only=True)
class StripChoice:
    """What is asked of STRIP at a release.

    Attributes:
        n_overlays: clean calibration scans that are laid over each scan.
        rate: share of clean scans that it may hold.
        seed: draws the overlays among the calibration scans.

    Raises:
        BadStrip: a value is out of its range.
    """

    n_overlays: int = N_OVERLAYS
    rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.n_overlays <= MAX_OVERLAYS:
            raise BadStrip(f"{self.n_overlays} overlays; give 1 to {MAX_OVERLAYS}, for instance {N_OVERLAYS}")
        if not 0 < self.rate <= _MAX_RATE:
            raise BadStrip(f"rate of false rejects {self.rate:g}; give a share within (0, 0.5], for instance 0.01")
        if self.seed < 0:
            raise BadStrip(f"seed {self.seed} of the overlays; give 0 or more")

    def to_json(self) -> dict[str, Any]:
        """As jobs hold it."""
        return asdict(self)


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
