"""Whether a prediction survives other images being laid over the input, as one by a trigger does."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from detector.errors import FeatureMismatch, NotEnoughSamples, NotFinite


def choose_overlays(images: Tensor, m: int, *, seed: int) -> Tensor:
    """So many of the images (n, C, H, W), drawn without replacement by the seed.

    Raises:
        NotEnoughSamples: m is below 1, or above n.
    """
    if not 1 <= m <= len(images):
        raise NotEnoughSamples(f"{m} overlays of {len(images)} clean images; expected 1 to {len(images)}")
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    return images[order[:m].to(images.device)]


class Strip:
    """Entropy of the predictions under overlays: low where a trigger decides.

    Gao et al. 2019, arXiv:1902.06531: overlays are added and the sum is cut at white, so that a bright trigger stays
    as it is; the entropy is the mean over the overlays, in bits. What differs: all inputs get the same overlays, chosen
    once by a seed, so that an input scores the same in any company; and `StripRule` judges the entropies, by what is
    usual for the predicted class and by conformal ranks, rather than one threshold of a fitted normal distribution.
    Triggers that overlays hide (dark, blended) and clean inputs that the classifier is very sure of are its blind
    sides.
    """

    NAME = "STRIP"
    SOURCE = "Gao et al. 2019, arXiv:1902.06531"

    def __init__(
        self, predict: Callable[[Tensor], Tensor], overlays: Tensor, *, weight: float = 1.0, batch: int = 1024
    ) -> None:
        """Ask `predict` about blends.

        Args:
            predict: pixels (B, C, H, W) in [0, 1] to logits (B, K).
            overlays: (m, C, H, W) in [0, 1], clean images.
            weight: of an overlay in the sum, above 0, at most 1; less leaves clean inputs more of themselves.
            batch: blends that are asked about at once.

        Raises:
            NotEnoughSamples: there is no overlay.
            FeatureMismatch: the overlays are no images, or the weight is out of range.
        """
        if overlays.ndim != 4:
            raise FeatureMismatch(f"overlays {tuple(overlays.shape)}; expected (m, C, H, W)")
        if len(overlays) == 0:
            raise NotEnoughSamples("0 overlays; expected at least one clean image, and 10 to 100 to tell anything")
        if not 0 < weight <= 1:
            raise FeatureMismatch(f"weight {weight} of the overlays; expected above 0, at most 1")
        self.predict = predict
        self.overlays = overlays
        self.weight = weight
        self.batch = batch

    @torch.no_grad()
    def entropy(self, x: Tensor) -> Tensor:
        """The mean entropy (N,) in bits of the predictions for x (N, C, H, W) under each overlay.

        Raises:
            FeatureMismatch: the images are not of the overlays' size.
            NotFinite: the classifier answers NaN or infinity.
        """
        if x.shape[1:] != self.overlays.shape[1:]:
            raise FeatureMismatch(
                f"images {tuple(x.shape[1:])}, overlays {tuple(self.overlays.shape[1:])}; expected the same size"
            )
        at_once = max(1, self.batch // len(self.overlays))
        means = [self._of(x[start : start + at_once]) for start in range(0, len(x), at_once)]
        return torch.cat(means) if means else x.new_zeros(0)

    def _of(self, x: Tensor) -> Tensor:
        blends = (x[:, None] + self.weight * self.overlays[None]).clamp(0, 1).flatten(0, 1)
        starts = range(0, len(blends), self.batch)
        logits = torch.cat([self.predict(blends[start : start + self.batch]) for start in starts])
        if not bool(torch.isfinite(logits).all()):
            raise NotFinite("the classifier answers NaN or infinity for blended images; check its weights")
        bits = torch.special.entr(logits.softmax(1)).sum(1) / np.log(2)
        mean: Tensor = bits.view(len(x), len(self.overlays)).mean(1)
        return mean
