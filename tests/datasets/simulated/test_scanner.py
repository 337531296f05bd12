import numpy as np

from datasets.simulated.scanner import NOISE, acquire


def test_levels_are_8_bit_grey(rng):
    levels = acquire(rng, np.full((32, 32), 0.5, dtype=np.float32))
    assert levels.dtype == np.uint8
    assert levels.shape == (32, 32, 1)


def test_air_is_dark_but_not_zero():
    means = []
    for seed in range(20):
        levels = acquire(np.random.default_rng(seed), np.zeros((32, 32), dtype=np.float32))
        means.append(levels.mean())
        # Six standard deviations of the strongest noise under the strongest gain and the flattest gamma.
        assert levels.max() < 255 * (6 * 1.15 * NOISE[1]) ** 0.85
    assert min(means) > 0


def test_the_window_and_the_noise_do_not_depend_on_the_signal():
    dark = acquire(np.random.default_rng(1), np.zeros((32, 32), dtype=np.float32))
    half = np.zeros((32, 32), dtype=np.float32)
    half[:, :8] = 0.7
    bright = acquire(np.random.default_rng(1), half)
    np.testing.assert_array_equal(dark[:, 16:], bright[:, 16:])


def test_a_signal_above_the_window_is_white_not_wrapped(rng):
    assert (acquire(rng, np.full((16, 16), 3.0, dtype=np.float32)) == 255).all()
