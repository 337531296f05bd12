"""How far an image lies from all classes in the classifier's own features."""

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf
from torch import Tensor, nn

from detector.errors import FeatureMismatch, NotEnoughSamples

_FLOOR = 1e-6


class Mahalanobis(nn.Module):
    """Logarithm of the distance to the nearest class mean under one shared precision.

    Higher is more suspicious. Lee et al. 2018, arXiv:1807.03888, eq. 1 and 2, with the sign turned, on
    the penultimate features only, without the input noise step, and with Ledoit-Wolf shrinkage of
    the covariance, since a few hundred images do not determine a 128x128 matrix.
    """

    means: Tensor
    whitening: Tensor

    def __init__(self, means: Tensor, whitening: Tensor) -> None:
        """Take class means (K, D) and a whitening (D, D) with precision = whitening @ whitening.T."""
        super().__init__()
        if whitening.shape != (means.shape[1], means.shape[1]):
            raise FeatureMismatch(
                f"means have {means.shape[1]} features and the whitening is {tuple(whitening.shape)}; expected equal"
            )
        self.register_buffer("means", means)
        self.register_buffer("whitening", whitening)

    def forward(self, features: Tensor) -> Tensor:
        """The logarithm of the squared distance (N,) of `features` (N, D)."""
        # Whitening first gives a sum of squares, which rounding cannot turn negative.
        apart = (features[:, None] - self.means[None]) @ self.whitening  # (N, K, D)
        nearest = (apart**2).sum(2).amin(1)
        return (nearest + _FLOOR).log()


def fit_mahalanobis(features: Tensor, labels: Tensor) -> Mahalanobis:
    """Means and shared precision of clean features (N, D) with their classes (N,).

    A class without an image has no mean and is left out.

    Raises:
        NotEnoughSamples: fewer than two images more than classes, or a feature is not finite.
    """
    classes = torch.from_numpy(np.unique(labels.numpy()))
    if len(features) < len(classes) + 2:
        raise NotEnoughSamples(
            f"{len(features)} clean images of {len(classes)} classes; expected at least {len(classes) + 2} "
            "to measure how features vary: give the split that they are from more images"
        )
    if not bool(torch.isfinite(features).all()):
        raise NotEnoughSamples("the classifier's features of clean images hold NaN or infinity; check its weights")
    features = features.double()
    means = torch.stack([features[labels == k].mean(0) for k in classes])
    centred = features - means[torch.searchsorted(classes, labels)]
    covariance, _ = ledoit_wolf(centred.numpy(), assume_centered=True)
    floor = _FLOOR * max(float(np.diag(covariance).mean()), _FLOOR)
    # A feature that never varies on clean images would get an infinite weight.
    covariance = covariance + _FLOOR * max(float(np.trace(covariance)) / len(covariance), _FLOOR) * np.eye(
        len(covariance)
    )
    precision = torch.from_numpy(np.linalg.inv(covariance + floor * np.eye(len(covariance))))
    whitening = torch.linalg.cholesky((precision + precision.T) / 2)
    return Mahalanobis(means.float(), whitening.float())
