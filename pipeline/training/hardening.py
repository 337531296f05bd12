"""The attacked images that a classifier is hardened on, made anew against its weights at every step."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.attacks.projections import project_linf
from pipeline.attacks.slopes import slope_of
from pipeline.models.adapter import PixelModel
from pipeline.training.hardening_settings import HardeningSettings


def attacked(
    model: PixelModel,
    x: Tensor,
    y: Tensor,
    how: HardeningSettings,
    *,
    eps: float,
    generator: torch.Generator,
    reduced: torch.dtype | None = None,
) -> Tensor:
    """The batch with the share of it that `how` asks for attacked, the first images of it, within ball and box.

    The gradients are those of the model in evaluation mode, as in Pang et al. 2021 (arXiv:2010.00467): the running
    means of batch normalisation then see what is learned from and nothing else, an image's attack does not hang on its
    neighbours, and dropout draws nothing. Modes and gradients of the parameters are as before afterwards.

    Args:
        model: the classifier, in any mode.
        x: (N, C, H, W) in [0, 1].
        y: (N,) the classes to get away from.
        how: method, steps and share.
        eps: the radius of this step; 0 gives `x` itself.
        generator: of the starts; on the CPU, so that the same seed starts alike on every device.
        reduced: a number type for the gradients, which need not be exact; never float16, whose small ones are 0.
    """
    if eps == 0:
        return x
    n = max(1, round(how.share * len(x)))
    clean, classes = x[:n], y[:n]
    radii = torch.full((n,), eps, device=x.device)
    noise = torch.rand(clean.shape, generator=generator).to(x.device).mul_(2).sub_(1)
    with model.frozen():
        x_adv = project_linf(noise.mul_(eps).add_(clean), clean, radii)
        for _ in range(how.n_gradients):
            uphill = _slope(model, x_adv, classes, reduced).sign_()
            x_adv = project_linf(uphill.mul_(how.alpha * eps).add_(x_adv), clean, radii)
    return torch.cat([x_adv, x[n:]]) if n < len(x) else x_adv


def _slope(model: PixelModel, x: Tensor, y: Tensor, reduced: torch.dtype | None) -> Tensor:
    with torch.enable_grad():
        here = x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
        with torch.autocast(x.device.type, reduced or torch.bfloat16, enabled=reduced is not None):
            logits = model(here)
        return slope_of(F.cross_entropy(logits.float(), y, reduction="none"), here)
