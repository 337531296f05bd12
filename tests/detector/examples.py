"""Small tensors that detectors learn from in the tests."""

import torch

from detector.interface import Examples, Seen

N_CLEAN, N_HARMLESS, N_ADV = 60, 20, 60
WIDTHS = (5, 7)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def stage_examples(*, shift=3.0, seed=0):
    """Gaussian features of two stages; attacked ones are shifted at the last stage only."""
    g = generator(seed)
    n = N_CLEAN + N_HARMLESS + N_ADV
    measured = tuple(torch.randn(n, width, generator=g) for width in WIDTHS)
    place = torch.arange(n)
    is_clean, is_adv = place < N_CLEAN, place >= N_CLEAN + N_HARMLESS
    measured[-1][is_adv] += shift
    return Examples(measured, place % 3, is_adv, is_clean, place % 5)


def logits_of(pixels):
    """A classifier in closed form: three sums of the mean pixel and of the last."""
    mean, last = pixels.mean((1, 2, 3)), pixels[:, 0, -1, -1]
    return torch.stack([4 * mean, 2 - 4 * mean, last], 1)


def seen(pixels, *, seed=0):
    """A batch before a closed-form classifier, with random features."""
    layers = tuple(torch.randn(len(pixels), width, generator=generator(seed)) for width in WIDTHS)
    return Seen(pixels, layers, logits_of(pixels), logits_of)


def random_pixels(n=6, *, channels=1, height=20, width=20, seed=0):
    """Pixels on the levels of 8 bit."""
    return torch.randint(0, 256, (n, channels, height, width), generator=generator(seed)) / 255
