"""The detector that is released: what the pixels say and what the classifier's features say, in one score."""

from typing import NamedTuple

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from detector.class_level import ClassLevel
from detector.errors import FeatureMismatch, NotEnoughSamples
from detector.high_pass import N_FILTERS
from detector.mahalanobis import Mahalanobis
from detector.residual import ResidualNetwork

EVIDENCE = ("residual logit", "log Mahalanobis distance", "logit margin")
"""What is fused, in order."""

_SPREAD_FLOOR = 1e-6
_STRENGTH = 1.0


class FusedOutput(NamedTuple):
    """What the detector says of a batch."""

    score: Tensor  # (N,), higher is more suspicious
    type_logits: Tensor  # (N, len(TYPES))


class Fusion(nn.Module):
    """A logistic regression over standardised evidence; its log-odds are the score."""

    centre: Tensor
    spread: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, centre: Tensor, spread: Tensor, weights: Tensor, bias: Tensor) -> None:
        """Take vectors (E,) and the bias (1,)."""
        super().__init__()
        for name, value in (("centre", centre), ("spread", spread), ("weights", weights), ("bias", bias)):
            self.register_buffer(name, value)

    def forward(self, evidence: Tensor) -> Tensor:
        """The log-odds (N,) of an attack, given evidence (N, E)."""
        return ((evidence - self.centre) / self.spread) @ self.weights + self.bias


def logit_margin(logits: Tensor) -> Tensor:
    """How far the largest of the logits (N, K) stands above the second, (N,)."""
    best = logits.topk(2, 1).values
    return best[:, 0] - best[:, 1]


def fit_fusion(evidence: Tensor, is_adv: Tensor) -> Fusion:
    """Weigh evidence (N, E) by logistic regression, both sides counted equally.

    Raises:
        NotEnoughSamples: one side is empty, or evidence is not finite.
    """
    n_adv = int(is_adv.sum())
    if n_adv == 0 or n_adv == len(is_adv):
        raise NotEnoughSamples(
            f"{n_adv} attacked among {len(is_adv)} held-out images; expected some of both: "
            "build an adversarial set with more successful attacks, or hold out a larger share"
        )
    if not bool(torch.isfinite(evidence).all()):
        raise NotEnoughSamples("the evidence of held-out images holds NaN or infinity; check the classifier's weights")
    evidence = evidence.double()
    centre = evidence.mean(0)
    spread = evidence.std(0).clamp_min(_SPREAD_FLOOR)
    regression = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000)
    regression.fit(((evidence - centre) / spread).numpy(), is_adv.numpy())
    weights = torch.from_numpy(regression.coef_[0]).float()
    return Fusion(centre.float(), spread.float(), weights, torch.from_numpy(regression.intercept_).float())


class FusedDetector(nn.Module):
    """Residual network, Mahalanobis distance and logit margin in one score, level across the classes.

    Exports to ONNX as it stands.
    """

    def __init__(
        self, residual: ResidualNetwork, mahalanobis: Mahalanobis, fusion: Fusion, class_level: ClassLevel
    ) -> None:
        super().__init__()
        self.residual = residual
        self.mahalanobis = mahalanobis
        self.fusion = fusion
        self.class_level = class_level
        self.eval()

    def forward(self, pixels: Tensor, features: Tensor, logits: Tensor) -> FusedOutput:
        """Judge a batch.

        Args:
            pixels: (N, C, H, W) in [0, 1], as the classifier was shown them.
            features: (N, D), the classifier's penultimate features of these pixels.
            logits: (N, K), its answers.
        """
        seen = self.residual(pixels)
        evidence = torch.stack([seen.logit, self.mahalanobis(features), logit_margin(logits)], 1)
        return FusedOutput(self.fusion(evidence) - self.class_level(logits), seen.type_logits)

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
                Fusion(*(state[f"fusion.{name}"] for name in ("centre", "spread", "weights", "bias"))),
                ClassLevel(state["class_level.levels"]),
            )
            detector.load_state_dict(state)
        except (KeyError, RuntimeError, IndexError) as e:
            raise FeatureMismatch(f"these tensors make no detector ({e}); train the detector again") from e
        if not all(bool(torch.isfinite(value).all()) for value in state.values()):
            raise FeatureMismatch("the detector's tensors hold NaN or infinity; train the detector again")
        return detector
