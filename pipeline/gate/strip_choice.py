"""What is asked of STRIP at the release of a gate; reading it loads next to nothing."""

from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import BadStrip

N_OVERLAYS = 64
"""Where nobody chose. Each costs every scan one more pass of the classifier; fewer find less of a weak backdoor, see
docs/results/strip.md.
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
