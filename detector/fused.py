"""The detector that is released: what the pixels say and what the classifier's features say, in one score."""

from typing import Self

import torch
from torch import Tensor, nn

from detector.class_level import ClassLevel, fit_class_level
from detector.errors import FeatureMismatch
from detector.fusion import Fusion, fit_fusion
from detector.high_pass import N_FILTERS
from detector.interface import Examples, Judge, Measured, Method, Seen
from detector.mahalanobis import Mahalanobis
from detector.naming import Naming
from detector.residual import ResidualNetwork

EVIDENCE = ("residual logit", "log Mahalanobis distance", "logit margin")
"""What is fused, in order."""


def logit_margin(logits: Tensor) -> Tensor:
    """How far the largest of the logits (N, K) stands above the second, (N,)."""
    best = logits.topk(2, 1).values
    return best[:, 0] - best[:, 1]


class FusedDetector(nn.Module):
    """Residual network, Mahalanobis distance and logit margin in one score, level across the classes.

    Beside the score, and with no part in it, stands `naming`: the type logits of pixels. Exports to ONNX as it stands.
    """

    def __init__(
        self,
        residual: ResidualNetwork,
        mahalanobis: Mahalanobis,
        fusion: Fusion,
        class_level: ClassLevel,
        naming: Naming,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.mahalanobis = mahalanobis
        self.fusion = fusion
        self.class_level = class_level
        self.naming = naming
        self.eval()

    def forward(self, pixels: Tensor, features: Tensor, logits: Tensor) -> Tensor:
        """The score (N,) of a batch, higher is more suspicious.

        Args:
            pixels: (N, C, H, W) in [0, 1], as the classifier was shown them.
            features: (N, D), the classifier's penultimate features of these pixels.
            logits: (N, K), its answers.
        """
        evidence = torch.stack([self.residual(pixels).logit, self.mahalanobis(features), logit_margin(logits)], 1)
        score: Tensor = self.fusion(evidence) - self.class_level(logits)
        return score

    def state(self) -> dict[str, Tensor]:
        """Plain tensors from which `from_state` makes the same detector."""
        return {name: value.detach().contiguous() for name, value in self.state_dict().items()}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> "FusedDetector":
        """The detector that `state` was taken of.

        Raises:
            FeatureMismatch: tensors are missing, too many, of another shape, or not finite.
        """
        try:
            channels = state["residual.body.0.weight"].shape[1] // N_FILTERS
            detector = cls(
                ResidualNetwork(channels),
                Mahalanobis(state["mahalanobis.means"], state["mahalanobis.whitening"]),
                Fusion.shaped_as(state, "fusion"),
                ClassLevel(state["class_level.levels"]),
                Naming(channels),
            )
            detector.load_state_dict(state)
        except (KeyError, RuntimeError, IndexError) as e:
            raise FeatureMismatch(f"these tensors make no detector ({e}); train the detector again") from e
        if not all(bool(torch.isfinite(value).all()) for value in state.values()):
            raise FeatureMismatch("the detector's tensors hold NaN or infinity; train the detector again")
        return detector


class Levelled(Judge):
    """Weighed evidence without the level of the class that the logits let expect."""

    def __init__(self, fusion: Fusion, class_level: ClassLevel) -> None:
        super().__init__()
        self.fusion = fusion
        self.class_level = class_level

    @property
    def widths(self) -> tuple[int, ...]:
        """The evidence, then the logits."""
        return len(self.fusion.weights), len(self.class_level.levels)

    def forward(self, measured: Measured) -> Tensor:
        """The score (N,) of a `FusedDetector`."""
        evidence, logits = measured
        score: Tensor = self.fusion(evidence) - self.class_level(logits)
        return score


class Fused(Method):
    """The score of `FusedDetector`: residual network, penultimate Mahalanobis distance and logit margin together.

    Network and distance learn from other examples than those that `fit` is given: evidence of scans that they know
    would be weighed too high.
    """

    NAME = "fused"
    SOURCE = "this project; evidence as in Lee et al. 2018, arXiv:1807.03888, and the noise-residual network"

    def __init__(self, residual: ResidualNetwork, mahalanobis: Mahalanobis) -> None:
        """Take what has learned already."""
        super().__init__()
        self.residual = residual
        self.mahalanobis = mahalanobis
        self.eval()

    @classmethod
    def of(cls, detector: FusedDetector) -> Self:
        """The method that scores as a trained detector does."""
        method = cls(detector.residual, detector.mahalanobis)
        method.judge = Levelled(detector.fusion, detector.class_level).eval()
        return method

    def _measure(self, seen: Seen) -> Measured:
        evidence = [self.residual(seen.pixels).logit, self.mahalanobis(seen.layers[-1]), logit_margin(seen.logits)]
        return torch.stack(evidence, 1), seen.logits

    def _learn(self, examples: Examples) -> Levelled:
        evidence, logits = examples.measured
        fusion = fit_fusion(evidence, examples.is_adv)
        clean = examples.is_clean
        return Levelled(fusion, fit_class_level(fusion(evidence[clean]), logits[clean]))

    @classmethod
    def _shaped_as(cls, state: dict[str, Tensor]) -> Self:
        residual = ResidualNetwork(state["residual.body.0.weight"].shape[1] // N_FILTERS)
        method = cls(residual, Mahalanobis(state["mahalanobis.means"], state["mahalanobis.whitening"]))
        method.judge = Levelled(Fusion.shaped_as(state, "judge.fusion"), ClassLevel(state["judge.class_level.levels"]))
        return method
