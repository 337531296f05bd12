"""How much one file may ask of us."""

from dataclasses import asdict, dataclass

MIN_SIDE = 8
"""The smallest side that the attacks' and the detector's filters can work on."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The largest image that is decoded.

    The defaults hold every radiograph in common use (a mammogram has 4,000 x 6,000) and keep one decoded image, 16-bit
    grey, below 80 MB.
    """

    max_bytes: int = 64 << 20
    max_side: int = 16_384
    max_pixels: int = 40_000_000

    def to_json(self) -> dict[str, int]:
        """The limits as JSON, to send to a child process; `Limits(**json)` brings them back."""
        return asdict(self)
