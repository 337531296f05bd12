"""The whole gate as one differentiable model of pixels."""

from contextlib import nullcontext

import torch
from torch import Tensor

from pipeline.attacks.adaptive.straight import StraightThrough
from pipeline.detection.network import GateNetwork
from pipeline.models.adapter import PixelModel


class GateView(PixelModel):
    """Pixels (N, C, H, W) of any size, grey or RGB, to (N, K + 1): the logits and, last, the room.

    The room is tau - score: the gate accepts where it is at least 0. Classifier and detector are those of the network,
    so that `frozen` holds for both.
    """

    def __init__(self, gate: GateNetwork, tau: float, *, straight: bool = False) -> None:
        """Look at a gate.

        Args:
            gate: classifier and detector, which stay as they are.
            tau: the score up to which the gate accepts.
            straight: let slopes pass through rounding and cutting, see `StraightThrough`.
        """
        model = gate.model
        super().__init__(model.spec, model.network, head_name=model.head_name)
        self.mean, self.std = model.mean, model.std  # On the model's device.
        self.gate = gate
        self.tau = tau
        self.straight = straight

    def forward(self, x: Tensor) -> Tensor:
        """Logits and room."""
        _, logits, room = self.looked_at(x)
        return torch.cat([logits, room[:, None]], 1)

    def looked_at(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The classifier's penultimate features (N, D), its logits (N, K), and the room (N,)."""
        with StraightThrough() if self.straight else nullcontext():
            features, logits, score = self.gate.looked_at(self.pixels(x))
            return features, logits, self.tau - score


class AugmentedView(PixelModel):
    """The gate as a classifier of K + 1 classes, of which the last is "detected".

    Carlini and Wagner 2017, arXiv:1705.07263, section 3.2: the last logit is (D + 1) * max Z, with D = score - tau
    above 0 where the gate flags. Z is taken above its own least logit, which changes no answer and no margin of the
    classifier: the paper's formula needs a positive maximum, and logits of a log-softmax have none.
    """

    def __init__(self, view: GateView) -> None:
        super().__init__(view.spec, view.network, head_name=view.head_name)
        self.mean, self.std = view.mean, view.std
        self.view = view

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K + 1)."""
        out: Tensor = self.view(x)
        above = out[:, :-1] - out[:, :-1].amin(1, keepdim=True)
        return torch.cat([above, (1 - out[:, -1:]) * above.amax(1, keepdim=True)], 1)
