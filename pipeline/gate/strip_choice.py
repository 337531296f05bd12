"""What is asked of STRIP at the release of a gate; reading it loads next to nothing."""

from dataclasses import asdict, dataclass
from typing import Any

from pipeline.errors import BadStrip

PARTS, SUMS = "parts", "sums"
WAYS = (PARTS, SUMS)
"""Parts of a scan are pasted onto others, `detector.poisoned.parts`; or others are added to it, as published,
`detector.poisoned.strip`.
"""
N_OVERLAYS = {PARTS: 4, SUMS: 64}
"""Where nobody chose. Each of `SUMS` costs every scan one more pass of the classifier, each of `PARTS` one for every
part, 49; fewer find less of a weak backdoor, see docs/results/strip.md.
"""
LEAST_OVERLAYS = {PARTS: 2, SUMS: 1}
MAX_OVERLAYS = {PARTS: 20, SUMS: 1000}

_MAX_RATE = 0.5
# Overlays of parts are chosen among so many times more, so that several classes are among them.
_DRAWN_FOR_PARTS = 8


@dataclass(frozen=True, kw_only=True)
class StripChoice:
    """What is asked of STRIP at a release.

    Attributes:
        by: one of `WAYS`.
        n_overlays: clean calibration scans that each scan is mixed with; None takes what is usual for the way.
        rate: share of clean scans that it may hold.
        seed: draws the overlays among the calibration scans.

    Raises:
        BadStrip: a value is out of its range.
    """

    by: str = PARTS
    n_overlays: int | None = None
    rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise BadStrip(f"STRIP by {self.by!r}; give {' or '.join(WAYS)}")
        least, most = LEAST_OVERLAYS[self.by], MAX_OVERLAYS[self.by]
        if self.n_overlays is not None and not least <= self.n_overlays <= most:
            raise BadStrip(
                f"{self.n_overlays} overlays, by {self.by}; give {least} to {most}, for instance {N_OVERLAYS[self.by]}"
            )
        if not 0 < self.rate <= _MAX_RATE:
            raise BadStrip(f"rate of false rejects {self.rate:g}; give a share within (0, 0.5], for instance 0.01")
        if self.seed < 0:
            raise BadStrip(f"seed {self.seed} of the overlays; give 0 or more")

    @property
    def m(self) -> int:
        """How many overlays there will be."""
        return N_OVERLAYS[self.by] if self.n_overlays is None else self.n_overlays

    @property
    def by_class(self) -> bool:
        """Whether a scan is judged by what is usual for its predicted class; `StripRule` says why parts are not."""
        return self.by == SUMS

    @property
    def n_drawn(self) -> int:
        """How many calibration scans are set aside to choose them from; the others set the threshold."""
        return self.m * (_DRAWN_FOR_PARTS if self.by == PARTS else 1)

    def to_json(self) -> dict[str, Any]:
        """As jobs hold it."""
        return asdict(self)
