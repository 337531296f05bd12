"""The file that an attack ends in, and what a reader gets from it."""

from dataclasses import dataclass

import numpy as np

from datasets.decoding import decode
from datasets.encoding import FORMATS, check_fits, encode


@dataclass(frozen=True, kw_only=True)
class FileForm:
    """How attacked levels are written: a format, and the quality of a JPEG."""

    file_format: str = "png"
    quality: int | None = None

    @property
    def lossless(self) -> bool:
        """Whether a reader gets what was written."""
        return FORMATS[self.file_format].lossless

    def check(self, channels: int, bits: int) -> None:
        """Refuse levels that such a file cannot hold.

        Raises:
            BadImage: with what it can hold.
        """
        check_fits(channels, bits, self.file_format, quality=self.quality)

    def as_read(self, levels: np.ndarray, bits: int) -> np.ndarray:
        """What is left of images (N, H, W, C) after each was written and decoded; of the same shape and type."""
        read = [decode(encode(image, bits, self.file_format, quality=self.quality)).levels for image in levels]
        # A reader gives equal channels as one; the row keeps the shape of its parent.
        return np.stack([np.broadcast_to(image, levels.shape[1:]) for image in read]).astype(levels.dtype)
