"""Evidence of several kinds in one number, weighed by what told attacked scans from others."""

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from detector.errors import NotEnoughSamples

_SPREAD_FLOOR = 1e-6
_STRENGTH = 1.0


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

    @classmethod
    def shaped_as(cls, state: dict[str, Tensor], prefix: str) -> "Fusion":
        """The fusion whose tensors stand in a state under this prefix."""
        return cls(*(state[f"{prefix}.{name}"] for name in ("centre", "spread", "weights", "bias")))


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
