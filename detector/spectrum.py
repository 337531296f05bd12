"""Statistics of neighbouring residuals and of frequencies, without a network."""

from functools import lru_cache
from math import sqrt
from typing import Self

import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from detector.fusion import Fusion
from detector.interface import Examples, Measured, Method, Seen
from detector.weighed import Weighed

N_BANDS = 24

_LEVELS = 255.0
_FINENESS = 16
_REACH = 2
_ORDER = 3
_N_VALUES = 2 * _REACH + 1
_N_CODES = _N_VALUES**_ORDER
_SPREAD_FLOOR = 1e-6
_POWER_FLOOR = 1e-3


@lru_cache(maxsize=1)
def _symmetric_codes() -> Tensor:
    """The class (125,) of each triple of residuals, one for a triple, its negative, its reverse and both."""
    digits = torch.cartesian_prod(*[torch.arange(_N_VALUES)] * _ORDER)
    place = _N_VALUES ** torch.arange(_ORDER)
    alike = [digits, 2 * _REACH - digits, digits.flip(1), 2 * _REACH - digits.flip(1)]
    smallest = torch.stack([(one * place).sum(1) for one in alike]).amin(0)
    by_code = torch.empty(_N_CODES, dtype=torch.int64)
    by_code[(digits * place).sum(1)] = torch.unique(smallest, return_inverse=True)[1]
    return by_code


N_TRIPLES = int(_symmetric_codes().max()) + 1
"""How many triples are told apart."""


def _residuals(levels: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Pairs of maps of one kind, along rows and along columns, in units of their own step."""
    right = levels[..., 1:] - levels[..., :-1]
    down = levels[..., 1:, :] - levels[..., :-1, :]
    bent_right = (right[..., 1:] - right[..., :-1]) / 2
    bent_down = (down[..., 1:, :] - down[..., :-1, :]) / 2
    square = (bent_right[..., :-2, :] - 2 * bent_right[..., 1:-1, :] + bent_right[..., 2:, :]) / 2
    return [(right, down), (bent_right, bent_down), (square, square)]


def _counts(quantised: Tensor, *, along: int) -> Tensor:
    """How often each class of triple (N, N_TRIPLES) stands in maps (N, M, H, W) of -2 to 2, along an axis."""
    n = quantised.shape[along] - _ORDER + 1
    code = sum(quantised.narrow(along, k, n) * _N_VALUES**k for k in range(_ORDER))
    assert isinstance(code, Tensor)  # noqa: S101 - a sum of three tensors.
    # One count for the whole batch: each image has its own range of codes.
    offset = torch.arange(len(code)) * _N_CODES
    flat = (code.flatten(1) + offset[:, None]).flatten()
    counts = torch.bincount(flat, minlength=len(code) * _N_CODES).view(len(code), _N_CODES)
    return counts.new_zeros((len(code), N_TRIPLES)).index_add_(1, _symmetric_codes(), counts)


def triple_shares(pixels: Tensor) -> Tensor:
    """Square roots of the shares (N, 5 N_TRIPLES) of triples of neighbouring residuals.

    Residuals of first and second order and of the 3x3 square are cut at two steps of 1, 2 and 4 levels, and
    triples are counted along and across the direction of the residual (in all one count for the square, which has no
    direction). A quarter turn or a reflection of the image changes nothing.
    """
    # Sums of pixels scaled by 255 are off by a rounding error, which at half a step would fall to either side.
    levels = (pixels * (_LEVELS * _FINENESS)).round() / _FINENESS
    shares = []
    for across_rows, across_columns in _residuals(levels):
        right, down = ((map_.round().clamp(-_REACH, _REACH) + _REACH).long() for map_ in (across_rows, across_columns))
        counts = [_counts(right, along=3) + _counts(down, along=2)]
        if across_rows is not across_columns:
            counts.append(_counts(right, along=2) + _counts(down, along=3))
        shares += [(count / count.sum(1, keepdim=True)).sqrt() for count in counts]
    return torch.cat(shares, 1)


def band_power(pixels: Tensor) -> Tensor:
    """The logarithm of the power (N, N_BANDS) of each band of frequencies, averaged over all directions and channels.

    Bands go from 0 to the corner of the spectrum, sqrt(1/2) cycles a pixel. The image is taken under a Hann
    window, since its opposite borders do not fit together, and without its mean.
    """
    height, width = pixels.shape[2:]
    window = torch.hann_window(height, periodic=False)[:, None] * torch.hann_window(width, periodic=False)
    levels = pixels * _LEVELS
    mean = (levels * window).sum((2, 3), keepdim=True) / window.sum()
    power = torch.fft.rfft2((levels - mean) * window).abs() ** 2 / (window**2).sum()
    bands: Tensor = power.mean(1).flatten(1) @ _band_weights(height, width)
    return (bands + _POWER_FLOOR).log()


@lru_cache(maxsize=8)
def _band_weights(height: int, width: int) -> Tensor:
    """The weight (frequencies, N_BANDS) of each frequency in each band, summing to one a band."""
    down, right = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    radius: Tensor = (down**2 + right**2).sqrt()
    # All but the first and, for an even width, the last column stand for their mirror images too.
    share = torch.full_like(radius, 2.0)
    share[:, 0] = 1.0
    if width % 2 == 0:
        share[:, -1] = 1.0
    step = sqrt(0.5) / N_BANDS
    centres = (torch.arange(N_BANDS) + 0.5) * step
    # No narrower than frequencies lie apart, so that no band of a small image is empty.
    reach = max(step, 1 / min(height, width))
    weights = (1 - (radius.flatten()[:, None] - centres).abs() / reach).clamp_min(0) * share.flatten()[:, None]
    return weights / weights.sum(0)


class Spectrum(Method):
    """Co-occurrences of residuals and the azimuthal spectrum, told apart by a shrunk linear discriminant.

    Triples after the rich models of Fridrich and Kodovsky 2012, doi:10.1109/TIFS.2012.2190402, which Liu et al. 2019,
    arXiv:1806.09186, turned on adversarial images: of their submodels these five hold each order once, with
    triples instead of fours, and one linear discriminant stands for the ensemble of them. The spectrum after Durall et
    al. 2020, arXiv:2003.01826, and Harder et al. 2021, arXiv:2103.03000, which weighs the whole two-dimensional
    magnitude. Counting cannot be differentiated: an attacker needs a substitute for it.
    """

    NAME = "residual triples and spectrum"
    SOURCE = "Liu et al. 2019, arXiv:1806.09186; Harder et al. 2021, arXiv:2103.03000"

    def _measure(self, seen: Seen) -> Measured:
        pixels = seen.pixels
        if pixels.shape[1] > 1 and bool((pixels == pixels[:, :1]).all()):
            # A grey scan before an RGB classifier: one channel says it all.
            pixels = pixels[:, :1]
        return (torch.cat([triple_shares(pixels), band_power(pixels)], 1),)

    def _learn(self, examples: Examples) -> Weighed:
        return Weighed(fit_discriminant(examples.measured[0], examples.is_adv))

    @classmethod
    def _shaped_as(cls, state: dict[str, Tensor]) -> Self:
        method = cls()
        method.judge = Weighed(Fusion.shaped_as(state, "judge.fusion"))
        return method


def fit_discriminant(measured: Tensor, is_adv: Tensor) -> Fusion:
    """Fisher's linear discriminant of standardised measurements (N, E) with Ledoit-Wolf shrinkage."""
    values = measured.double()
    centre, spread = values.mean(0), values.std(0).clamp_min(_SPREAD_FLOOR)
    discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5])
    discriminant.fit(((values - centre) / spread).numpy(), is_adv.numpy())
    weights, bias = torch.from_numpy(discriminant.coef_[0]), torch.from_numpy(discriminant.intercept_)
    return Fusion(centre.float(), spread.float(), weights.float(), bias.float())
