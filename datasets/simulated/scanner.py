"""What a scanner does to the signal: bias field, blur, Rician noise, window, 8 bits."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from datasets.simulated.shapes import smooth_noise
from datasets.simulated.template import Field

BIAS = 0.10
BLUR_PIXELS = (0.35, 0.75)
NOISE = (0.006, 0.022)
GAIN = (0.75, 1.15)
GAMMA = (0.85, 1.15)


def acquire(rng: np.random.Generator, signal: Field) -> NDArray[np.uint8]:
    """A signal (H, H) in about [0, 1] as a scan of 8-bit levels (H, H, 1).

    The noise is Rician: the magnitude of a complex signal with Gaussian noise in both parts, so that air is dark and
    never negative. All draws are made before the signal is looked at: the window does not depend on a lesion.
    """
    size = signal.shape[0]
    bias = np.exp(BIAS * smooth_noise(rng, size, 2))
    blur, noise = rng.uniform(*BLUR_PIXELS), rng.uniform(*NOISE)
    gain, gamma = rng.uniform(*GAIN), rng.uniform(*GAMMA)
    real, imaginary = noise * rng.standard_normal((2, size, size), dtype=np.float32)
    blurred = ndimage.gaussian_filter(signal * bias, blur, truncate=3.0)
    magnitude = np.hypot(blurred + real, imaginary)
    shown = np.clip(gain * magnitude, 0, 1) ** gamma
    levels: NDArray[np.uint8] = np.rint(255 * shown).astype(np.uint8)
    return levels[..., None]
