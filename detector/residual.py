"""A small network over noise residuals that tells attacked images from clean ones."""

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from detector.fusion import Fusion, fit_fusion
from detector.gaps import close_gaps
from detector.high_pass import N_FILTERS, HighPass
from detector.interface import Examples, Measured, Method, Seen
from detector.weighed import Weighed

_WIDTHS = (8, 16, 16, 32, 48)
_VARIANCE_FLOOR = 1e-6


class ResidualOutput(NamedTuple):
    """What the network says of a batch."""

    logit: Tensor  # (N,), higher is more suspicious
    embedding: Tensor  # (N, D)


class ResidualNetwork(nn.Module):
    """High-pass residuals, two layers at full resolution, three averaged stages, mean and spread of each map.

    Nothing is pooled before the two full-resolution layers, since a perturbation of one grey level
    lives between neighbouring pixels and averaging is what removes it. Mean and standard deviation
    over the whole map make the answer independent of the image's size, so that a network trained on
    crops judges whole images.

    Widths were chosen by time on one thread: 4.3 ms for a 224x224 grey image in ONNX Runtime. Multiples of 16
    fill its vectors: narrower maps (8, 12, 24, 32, 48) take 6.5 ms.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.high_pass = HighPass(channels)
        layers: list[nn.Module] = []
        n_in = self.high_pass.n_residuals
        for k, n_out in enumerate(_WIDTHS):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]
            if 1 <= k < len(_WIDTHS) - 1:
                layers.append(nn.AvgPool2d(2))
            n_in = n_out
        self.body = nn.Sequential(*layers)
        self.mix = nn.Sequential(nn.Linear(2 * n_in, 64), nn.ReLU(inplace=True))
        self.suspicion = nn.Linear(64, 1)

    def forward(self, pixels: Tensor) -> ResidualOutput:
        """Judge whole images `pixels` (N, channels, H, W) in [0, 1], H and W at least 16, their gaps closed first."""
        return self.judge(self.body(self.high_pass(close_gaps(pixels))))

    def judge(self, maps: Tensor) -> ResidualOutput:
        """Judge the maps (N, D, h, w) that `body` made of the residuals."""
        mean = maps.mean((2, 3))
        # Written out: the variance operators export to ONNX in ways that differ between versions.
        spread = ((maps - mean[:, :, None, None]) ** 2).mean((2, 3))
        embedding = self.mix(torch.cat([mean, (spread + _VARIANCE_FLOOR).sqrt()], 1))
        return ResidualOutput(self.suspicion(embedding)[:, 0], embedding)


class NoiseResidual(Method):
    """The suspicion of a residual network, as a log-odds.

    The network learns from crops, batch by batch, in `detector.training`; what is fitted here is the scale of its
    answer. High-pass filters of rich models with a truncation before a convolutional network follow Ye et al. 2017,
    doi:10.1109/TIFS.2017.2710946; what differs is its size, and that the filters stay fixed.
    """

    NAME = "noise-residual network"
    SOURCE = "Ye et al. 2017, doi:10.1109/TIFS.2017.2710946"

    def __init__(self, network: ResidualNetwork) -> None:
        """Take a trained network."""
        super().__init__()
        self.network = network.eval()

    def _measure(self, seen: Seen) -> Measured:
        return (self.network(seen.pixels).logit[:, None],)

    def _learn(self, examples: Examples) -> Weighed:
        return Weighed(fit_fusion(examples.measured[0], examples.is_adv))

    @classmethod
    def _shaped_as(cls, state: dict[str, Tensor]) -> Self:
        method = cls(ResidualNetwork(state["network.body.0.weight"].shape[1] // N_FILTERS))
        method.judge = Weighed(Fusion.shaped_as(state, "judge.fusion"))
        return method
