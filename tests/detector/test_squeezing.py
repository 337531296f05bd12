from dataclasses import replace

import numpy as np
import torch

from detector.squeezing import SQUEEZERS, Largest, Squeezing, fewer_levels, median_of_four, smoothed
from tests.detector.examples import logits_of, random_pixels, seen


def test_fewer_levels_are_the_nearest_ones():
    pixels = torch.tensor([0.0, 0.1, 0.49, 0.51, 0.9, 1.0]).view(1, 1, 1, 6)
    torch.testing.assert_close(fewer_levels(pixels, bits=1).flatten(), torch.tensor([0.0, 0, 0, 1, 1, 1]))
    assert len(fewer_levels(torch.linspace(0, 1, 999).view(1, 1, 1, -1)).unique()) == 32


def test_the_median_is_numpys():
    pixels = random_pixels(2, channels=3, height=9, width=7)
    padded = np.pad(pixels.numpy(), ((0, 0), (0, 0), (1, 0), (1, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2, 2), axis=(2, 3))
    np.testing.assert_allclose(median_of_four(pixels).numpy(), np.median(windows, axis=(4, 5)), atol=1e-6)


def test_smoothing_keeps_ramps_and_takes_stripes_away():
    ramp = torch.linspace(0, 1, 12).expand(1, 2, 12, 12)
    torch.testing.assert_close(smoothed(ramp)[..., 1:-1], ramp[..., 1:-1])
    stripes = (torch.arange(12) % 2).float().expand(1, 1, 12, 12)
    reach = smoothed(stripes)[..., 1:-1] - 0.5
    assert 0.3 < 2 * reach.abs().max() < 0.37


def test_squeezed_pixels_stay_pixels():
    pixels = random_pixels(3, channels=3, height=17, width=23)
    for squeeze in SQUEEZERS:
        squeezed = squeeze(pixels)
        assert squeezed.shape == pixels.shape
        assert squeezed.min() >= 0
        assert squeezed.max() <= 1 + 1e-6


def test_it_measures_how_far_each_squeezer_moves_the_probabilities():
    batch = seen(random_pixels())
    measured = Squeezing().measure(batch)[0]
    probs = logits_of(batch.pixels).softmax(1)
    by_hand = [(logits_of(squeeze(batch.pixels)).softmax(1) - probs).abs().sum(1) for squeeze in SQUEEZERS]
    torch.testing.assert_close(measured, torch.stack(by_hand, 1))


def test_the_largest_of_them_is_the_score():
    measured = torch.tensor([[0.1, 0.7, 0.3], [0.5, 0.2, 0.9]])
    torch.testing.assert_close(Largest()((measured,)), torch.tensor([0.7, 0.9]))


def test_a_flat_scan_of_a_kept_level_moves_nothing():
    batch = seen(torch.ones(2, 1, 16, 16))
    torch.testing.assert_close(Squeezing().measure(batch)[0], torch.zeros(2, 3), rtol=0, atol=1e-6)


def test_it_asks_the_classifier_once_a_squeezer():
    asked = []
    batch = seen(random_pixels())
    Squeezing().measure(replace(batch, ask=lambda pixels: asked.append(pixels.shape) or logits_of(pixels)))
    assert asked == [batch.pixels.shape] * len(SQUEEZERS)
