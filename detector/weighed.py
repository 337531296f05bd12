"""The simplest thing to learn: a weighted sum of what was measured."""

from torch import Tensor

from detector.fusion import Fusion
from detector.interface import Judge, Measured


class Weighed(Judge):
    """Standardised measurements of one kind under weights; the sum is a log-odds of an attack."""

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        self.fusion = fusion

    @property
    def widths(self) -> tuple[int, ...]:
        """As many numbers as there are weights."""
        return (len(self.fusion.weights),)

    def forward(self, measured: Measured) -> Tensor:
        """The log-odds (N,)."""
        score: Tensor = self.fusion(measured[0])
        return score
