"""Where the heads of a data set's scans are, each looked for once."""

import numpy as np
import numpy.typing as npt

from datasets.head import head_mask
from datasets.store import Dataset


class Heads:
    """The head of each scan of a data set that has a background."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        # Eight pixels in a byte, since training looks at every scan of its part.
        self._packed: dict[int, npt.NDArray[np.uint8] | None] = {}

    def found(self, item: int) -> bool:
        """Whether the scan shows a head on a background."""
        return self._packed_mask(item) is not None

    def mask(self, item: int) -> npt.NDArray[np.bool_] | None:
        """(H, W), true inside the head; None where the scan has no background."""
        packed = self._packed_mask(item)
        return None if packed is None else np.unpackbits(packed, axis=1, count=self._width(item)).astype(bool)

    def _packed_mask(self, item: int) -> npt.NDArray[np.uint8] | None:
        if item not in self._packed:
            head = head_mask(self._dataset.levels(item), self._dataset.items[item].bits)
            self._packed[item] = np.packbits(head.mask, axis=1) if head.found else None
        return self._packed[item]

    def _width(self, item: int) -> int:
        return self._dataset.items[item].shape[1]
