"""Changes that are no attack: what scanners, archives and networks do to an image on its way.

A detector that flags these is useless, so they are its negatives, and its false alarms are counted on them. Every
control takes levels (H, W, C) and gives levels of the same shape, depth and type; it draws from the given
generator only.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image as Picture

from datasets.errors import BadImage

Control = Callable[[np.ndarray, int, float, np.random.Generator], np.ndarray]


def sign_noise(levels: np.ndarray, bits: int, amplitude_levels: float, rng: np.random.Generator) -> np.ndarray:
    """Each level moved up or down by `amplitude_levels`, by chance: an attack's Linf norm without its direction."""
    _refuse_negative("amplitude_levels", amplitude_levels)
    signs = rng.integers(0, 2, levels.shape) * 2 - 1
    return _to_levels(levels + signs * amplitude_levels, levels, bits)


def uniform_noise(levels: np.ndarray, bits: int, amplitude_levels: float, rng: np.random.Generator) -> np.ndarray:
    """Each level moved by a whole number, all of those up to `amplitude_levels` either way being equally likely."""
    _refuse_negative("amplitude_levels", amplitude_levels)
    reach = round(amplitude_levels)
    return _to_levels(levels + rng.integers(-reach, reach + 1, levels.shape), levels, bits)


def gaussian_noise(levels: np.ndarray, bits: int, sigma_levels: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of standard deviation `sigma_levels`, drawn for each level."""
    _refuse_negative("sigma_levels", sigma_levels)
    return _to_levels(levels + rng.normal(0.0, sigma_levels, levels.shape), levels, bits)


def rician_noise(levels: np.ndarray, bits: int, sigma_levels: float, rng: np.random.Generator) -> np.ndarray:
    """The noise of a magnitude MRI: Gaussian in the real and the imaginary part, then the magnitude.

    Gudbjartsson and Patz 1995, doi:10.1002/mrm.1910340618.
    """
    _refuse_negative("sigma_levels", sigma_levels)
    real = levels + rng.normal(0.0, sigma_levels, levels.shape)
    imaginary = rng.normal(0.0, sigma_levels, levels.shape)
    return _to_levels(np.hypot(real, imaginary), levels, bits)


def specks(levels: np.ndarray, bits: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the levels moved up or down by one level of 8 bits: what another rounding or decoder leaves."""
    if not 0 <= share <= 1:
        raise BadImage(f"share {share}, expected 0 to 1.")
    one = ((1 << bits) - 1) / 255
    signs = rng.integers(0, 2, levels.shape) * 2 - 1
    return _to_levels(levels + np.where(rng.random(levels.shape) < share, signs * one, 0.0), levels, bits)


def jpeg(levels: np.ndarray, bits: int, quality: float, rng: np.random.Generator) -> np.ndarray:
    """Saved as JPEG of `quality` (1 to 100) and read again; deeper images go through 8 bits, as JPEG does."""
    if not 1 <= quality <= 100:
        raise BadImage(f"quality {quality}, expected 1 to 100.")
    top, shallow_top = (1 << bits) - 1, 255
    shallow = np.rint(levels * (shallow_top / top)).astype(np.uint8)
    buffer = io.BytesIO()
    _picture(shallow).save(buffer, format="JPEG", quality=round(quality))
    read = np.asarray(Picture.open(buffer)).reshape(levels.shape)
    return _to_levels(read * (top / shallow_top), levels, bits)


def gamma(levels: np.ndarray, bits: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Every level raised to `exponent` in the unit range: brighter below 1, darker above."""
    if not exponent > 0:
        raise BadImage(f"exponent {exponent}, expected more than 0.")
    top = (1 << bits) - 1
    return _to_levels((levels / top) ** exponent * top, levels, bits)


def small_resize(levels: np.ndarray, bits: int, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Scaled by `factor` and back to the same size, as a viewer or an archive may do."""
    if not 0.1 <= factor <= 4:
        raise BadImage(f"factor {factor}, expected 0.1 to 4.")
    height, width = levels.shape[:2]
    between = (max(1, round(width * factor)), max(1, round(height * factor)))
    channels = []
    for channel in np.moveaxis(levels, 2, 0):
        picture = Picture.fromarray(channel.astype(np.float32))
        there = picture.resize(between, Picture.Resampling.BILINEAR)
        channels.append(np.asarray(there.resize((width, height), Picture.Resampling.BILINEAR)))
    return _to_levels(np.stack(channels, axis=2), levels, bits)


CONTROLS: dict[str, Control] = {
    "sign_noise": sign_noise,
    "uniform_noise": uniform_noise,
    "gaussian_noise": gaussian_noise,
    "rician_noise": rician_noise,
    "specks": specks,
    "jpeg": jpeg,
    "gamma": gamma,
    "small_resize": small_resize,
}
"""Every control by name, called as (levels, bits, strength, rng); the strength is the control's third parameter."""


def _picture(levels: np.ndarray) -> Picture.Image:
    return Picture.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)


def _refuse_negative(name: str, value: float) -> None:
    if not value >= 0:
        raise BadImage(f"{name} {value}, expected at least 0.")


def _to_levels(changed: np.ndarray, levels: np.ndarray, bits: int) -> np.ndarray:
    """The nearest levels inside the box of the depth, of the type that came in."""
    nearest: np.ndarray = np.clip(np.rint(changed), 0, (1 << bits) - 1).astype(levels.dtype)
    return nearest
