"""Small gates for adaptive attacks to meet: one whose right answer is known, and one of real parts."""

import torch
from torch import Tensor, nn

from detector.class_level import ClassLevel
from detector.fused import FusedDetector, fit_fusion
from detector.mahalanobis import fit_mahalanobis
from detector.naming import Naming
from detector.residual import ResidualNetwork
from detector.types import TYPES
from pipeline.attacks.adaptive.guides import Guides, taken
from pipeline.attacks.adaptive.view import GateView
from pipeline.detection.network import GateNetwork
from tests.pipeline.attacks.models import linear_model, trained_model

TAU = 0.5
N = 6


class LeftHalf(nn.Module):
    """Watches how light the left half of an image is, and nothing else: 10 a pixel's worth away from half grey."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, pixels: Tensor, features: Tensor, logits: Tensor) -> Tensor:
        left = pixels[..., : pixels.shape[3] // 2]
        return self.scale * (left - 0.5).abs().mean((1, 2, 3))

    def naming(self, pixels: Tensor) -> Tensor:
        """No type is likelier than another."""
        return pixels.new_zeros(len(pixels), len(TYPES))


def half_watched_gate(*, seed: int = 0) -> tuple[GateNetwork, Tensor, Tensor]:
    """A linear classifier whose left half is watched, with images (N, 1, 8, 8) that it has right and the gate accepts.

    At eps = 16/255 the right half alone turns every answer, and a change of the left half by that much scores 0.63,
    above `TAU`.
    """
    model = linear_model(2, seed=seed)
    with torch.no_grad():
        # Steep enough for half of the pixels, and the same in both halves, so that an attack is drawn to the left too.
        sign = torch.randn(8, 8, generator=torch.Generator().manual_seed(seed)).sign()
        model.network.head.weight.copy_(torch.stack([sign, -sign]).flatten(1))
    source = torch.Generator().manual_seed(seed + 1)
    x = ((0.5 + 0.01 * torch.randn(N, 1, 8, 8, generator=source)) * 255).round() / 255
    with torch.no_grad():
        y = model(x).argmax(1)
    return GateNetwork(model, LeftHalf()), x, y  # type: ignore[arg-type]  # what it asks of a detector is here


def real_gate() -> tuple[GateNetwork, float, Tensor, Tensor]:
    """A trained classifier and a fused detector of this project, untrained, with a tau that accepts what is clean."""
    model, x, y = trained_model()
    model.eval()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        detector = FusedDetector(
            ResidualNetwork(1),
            fit_mahalanobis(model.features_and_logits(x)[0], y),
            fit_fusion(torch.randn(20, 3), torch.arange(20) < 10),
            ClassLevel(torch.zeros(3)),
            Naming(1),
        )
        network = GateNetwork(model, detector)
        right = model(x).argmax(1) == y
        tau = float(network(x).score.max()) + 0.01
    return network, tau, x[right][:N], y[right][:N]


def guides_of(network: GateNetwork, tau: float, x: Tensor, y: Tensor) -> Guides:
    """The images themselves as guides."""
    return taken(GateView(network, tau), x, y)
