"""The name of an attack: what the marks in a scan's pixels look like."""

import torch
from torch import Tensor, nn

from detector.marks import N_MARKS, Marks
from detector.types import TYPES

N_HIDDEN = 128


class Naming(nn.Module):
    """One hidden layer over the marks of a whole image, then a temperature and a doubt that make its answer honest.

    The temperature makes the probability of a type, given that the attack is a known one, as often right as it says.
    The doubt is how much likelier "none of the known attacks" must be than all of them together to prevail.

    It names what an attack looks like and has no part in whether there was one. Exports to ONNX as it stands.
    """

    centre: Tensor
    spread: Tensor
    temperature: Tensor
    doubt: Tensor

    def __init__(self, channels: int) -> None:
        """Start from random weights; `fit_naming` trains them."""
        super().__init__()
        self.marks = Marks(channels)
        self.register_buffer("centre", torch.zeros(N_MARKS))
        self.register_buffer("spread", torch.ones(N_MARKS))
        self.register_buffer("temperature", torch.ones(1))
        self.register_buffer("doubt", torch.zeros(1))
        self.hidden = nn.Linear(N_MARKS, N_HIDDEN)
        self.out = nn.Linear(N_HIDDEN, len(TYPES))
        self.drop = nn.Dropout(0.3)

    def forward(self, pixels: Tensor) -> Tensor:
        """Type logits (N, len(TYPES)) of `pixels` (N, channels, H, W) in [0, 1]; their softmax is calibrated."""
        return self.calibrated(self.judge(self.marks(pixels)))

    def judge(self, marks: Tensor) -> Tensor:
        """Type logits of marks (N, N_MARKS) before calibration."""
        seen = self.drop((marks - self.centre) / self.spread)
        logits: Tensor = self.out(self.drop(self.hidden(seen).relu()))
        return logits

    def calibrated(self, logits: Tensor) -> Tensor:
        """The logits (N, len(TYPES)) of `judge` after temperature and doubt."""
        logits = logits / self.temperature
        return torch.cat([logits[:, :1] - self.doubt, logits[:, 1:]], 1)
