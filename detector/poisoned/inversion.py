"""The smallest patch that turns every image into a class, for each class: a backdoor's is conspicuously small."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from detector.errors import FeatureMismatch, NotEnoughSamples, NotFinite

Progress = Callable[[int, int, str], None]
"""Told (done, total, what) after every round."""

_MAD_OF_NORMAL = 1.4826  # A normal distribution's standard deviation in units of its median absolute deviation.
_LEAST_SPREAD = 0.1
_BETAS = (0.5, 0.9)


@dataclass(frozen=True, kw_only=True)
class InversionSettings:
    """How a trigger is searched; the defaults follow the published code of the paper but for the number of rounds.

    Attributes:
        rounds: passes over the images for each class.
        batch: images a step.
        lr: of Adam.
        min_success: share of images that a mask must turn to count.
        initial_weight: of the mask's L1 norm in the loss.
        factor: the weight grows by it after `patience` rounds of success, and shrinks by its power of 1.5 after as many
            of failure.
        patience: rounds.
        suspicious_from: anomaly index; 2 in the paper, for 95 % confidence.
    """

    rounds: int = 60
    batch: int = 64
    lr: float = 0.1
    min_success: float = 0.99
    initial_weight: float = 1e-3
    factor: float = 1.5
    patience: int = 3
    suspicious_from: float = 2.0


@dataclass(frozen=True, eq=False)
class Inversion:
    """The triggers that were found, one a class.

    Attributes:
        masks: (K, H, W) float32 in [0, 1], how much of each pixel the trigger replaces.
        patterns: (K, C, H, W) float32 in [0, 1], what it puts there.
        norms: (K,) float64, L1 norms of the masks in pixels; H W where no mask turned enough images.
        success: (K,) float64, share of images that the mask turned.
        anomaly_index: (K,) float64, distance of a norm to their median in units of their spread.
        suspected: classes whose norm is an outlier to the small side.
    """

    masks: Tensor
    patterns: Tensor
    norms: np.ndarray
    success: np.ndarray
    anomaly_index: np.ndarray
    suspected: tuple[int, ...]


def anomaly_index(norms: np.ndarray) -> np.ndarray:
    """The distance (K,) of each number to their median, in median absolute deviations scaled to a normal's spread.

    What differs from the paper: the spread counts as at least a tenth of the median, since masks of a handful of clean
    classes may come out so alike that what the search leaves to chance would stand apart.
    """
    apart = np.abs(norms - np.median(norms))
    spread = max(_MAD_OF_NORMAL * float(np.median(apart)), _LEAST_SPREAD * abs(float(np.median(norms))), 1e-12)
    index: np.ndarray = apart / spread
    return index


def invert(
    predict: Callable[[Tensor], Tensor],
    images: Tensor,
    n_classes: int,
    *,
    seed: int,
    settings: InversionSettings | None = None,
    progress: Progress | None = None,
) -> Inversion:
    """Search the smallest trigger of every class, and name the classes whose trigger is suspiciously small.

    Wang et al. 2019, doi:10.1109/SP.2019.00031 (Neural Cleanse). What differs: success is judged over whole passes, the
    search has a fixed number of rounds, and a class that no mask reaches counts as having the largest one. Costs
    rounds x classes passes forward and backward. Blind to triggers that span the image, and where most classes have
    one.

    Args:
        predict: pixels (B, C, H, W) in [0, 1] to logits (B, K), differentiable; in evaluation mode.
        images: (n, C, H, W) in [0, 1], clean, of all classes.
        n_classes: K; with fewer than 3, no class can be an outlier.
        seed: the same seed gives the same triggers; the global generator is not touched.
        settings: the defaults where None.
        progress: see `Progress`.

    Raises:
        NotEnoughSamples: there is no image, or there are fewer than 3 classes.
        FeatureMismatch: the images are none, or the classifier answers for another number of classes.
        NotFinite: the classifier answers NaN or infinity.
    """
    settings = settings or InversionSettings()
    _check(predict, images, n_classes)
    found = []
    for k in range(n_classes):
        search = _Search(predict, images, k, seed, settings)
        for done in range(settings.rounds):
            search.round()
            if progress is not None:
                progress(k * settings.rounds + done + 1, n_classes * settings.rounds, f"class {k}")
        found.append(search)
    norms = np.array([search.norm for search in found])
    index = anomaly_index(norms)
    small = (norms < np.median(norms)) & (index > settings.suspicious_from)
    return Inversion(
        masks=torch.stack([search.mask for search in found]),
        patterns=torch.stack([search.pattern for search in found]),
        norms=norms,
        success=np.array([search.success for search in found]),
        anomaly_index=index,
        suspected=tuple(int(k) for k in np.flatnonzero(small)),
    )


def _check(predict: Callable[[Tensor], Tensor], images: Tensor, n_classes: int) -> None:
    if images.ndim != 4:
        raise FeatureMismatch(f"images {tuple(images.shape)}; expected (n, C, H, W)")
    if len(images) == 0 or n_classes < 3:
        raise NotEnoughSamples(
            f"{len(images)} images, {n_classes} classes; expected at least one clean image, and three classes, since "
            "of two neither is an outlier"
        )
    with torch.no_grad():
        logits = predict(images[:1])
    if logits.shape != (1, n_classes):
        raise FeatureMismatch(f"the classifier answers {tuple(logits.shape)}; expected (1, {n_classes})")
    if not bool(torch.isfinite(logits).all()):
        raise NotFinite("the classifier answers NaN or infinity; check its weights")


class _Search:
    """The search for one class: what is optimised, the weight of the norm, and the best so far."""

    def __init__(
        self, predict: Callable[[Tensor], Tensor], images: Tensor, k: int, seed: int, settings: InversionSettings
    ) -> None:
        self.predict, self.images, self.k, self.settings = predict, images, k, settings
        # A generator of its own for each class: its trigger does not hang on which others were searched before.
        self.generator = torch.Generator().manual_seed(seed * 1_000_003 + k)
        channels, height, width = images.shape[1:]
        start = torch.randn(1 + channels, height, width, generator=self.generator).to(images.device)
        self.raw = start.requires_grad_()  # The mask, then the pattern; tanh brings them into [0, 1].
        self.adam = torch.optim.Adam([self.raw], lr=settings.lr, betas=_BETAS)
        self.weight = settings.initial_weight
        self.n_good = self.n_bad = 0
        self.norm, self.success = float(height * width), 0.0
        self.mask, self.pattern = self._drawn()

    def _drawn(self) -> tuple[Tensor, Tensor]:
        drawn = (self.raw.detach().tanh() + 1) / 2
        return drawn[0].clone(), drawn[1:].clone()

    def round(self) -> None:
        """One pass over the images, then a new weight."""
        n_turned = 0
        before = self._drawn()
        order = torch.randperm(len(self.images), generator=self.generator).to(self.images.device)
        for start in range(0, len(order), self.settings.batch):
            n_turned += self._step(self.images[order[start : start + self.settings.batch]])
        self._keep(n_turned / len(self.images), before)
        self._weigh(n_turned / len(self.images))

    def _step(self, x: Tensor) -> int:
        drawn = (self.raw.tanh() + 1) / 2
        mask, pattern = drawn[0], drawn[1:]
        logits = self.predict((1 - mask) * x + mask * pattern)
        target = torch.full((len(x),), self.k, device=x.device)
        loss = F.cross_entropy(logits, target) + self.weight * mask.sum()
        (self.raw.grad,) = torch.autograd.grad(loss, [self.raw])
        self.adam.step()
        return int((logits.argmax(1) == self.k).sum())

    def _keep(self, success: float, drawn: tuple[Tensor, Tensor]) -> None:
        norm = float(drawn[0].sum(dtype=torch.float64))
        if success >= self.settings.min_success and norm < self.norm:
            self.norm, self.success = norm, success
            self.mask, self.pattern = drawn
        elif self.success < self.settings.min_success and success > self.success:
            self.success = success
            self.mask, self.pattern = drawn

    def _weigh(self, success: float) -> None:
        good = success >= self.settings.min_success
        self.n_good, self.n_bad = (self.n_good + 1, 0) if good else (0, self.n_bad + 1)
        if self.n_good == self.settings.patience:
            self.weight, self.n_good = self.weight * self.settings.factor, 0
        elif self.n_bad == self.settings.patience:
            self.weight, self.n_bad = self.weight / self.settings.factor**1.5, 0
