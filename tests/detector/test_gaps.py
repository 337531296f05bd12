import numpy as np
import torch

from datasets import benign
from detector.gaps import WELL_FILLED, close_gaps
from detector.residual import ResidualNetwork

SIDE = 112


def _levels(highest: int = 255) -> np.ndarray:
    """(SIDE, SIDE, 1) of a smooth scan in which every level up to `highest` is well filled."""
    levels = np.arange(SIDE * SIDE) * (highest + 1) // SIDE**2
    assert np.bincount(levels).min() >= WELL_FILLED
    return levels.reshape(SIDE, SIDE, 1).astype(np.uint8)


def _pixels(levels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(levels.astype(np.float32).transpose(2, 0, 1)[None] / 255)


def _closed(levels: np.ndarray) -> np.ndarray:
    return (close_gaps(_pixels(levels))[0] * 255).round().numpy().astype(np.uint8).transpose(1, 2, 0)


def _generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_scan_without_gaps_keeps_every_bit():
    for pixels in (_pixels(_levels()), torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))):
        assert torch.equal(close_gaps(pixels), pixels)


def test_a_stretched_contrast_is_undone_to_the_level():
    levels = _levels(200)
    stretched = np.rint(levels * 1.25).astype(np.uint8)
    np.testing.assert_array_equal(_closed(stretched), levels)


def test_after_gamma_no_step_is_higher_than_it_was():
    for exponent in (0.9, 1.1):
        changed = benign.gamma(_levels(), 8, exponent, _generator())
        assert np.diff(changed.ravel().astype(int)).max() == 2
        assert np.diff(_closed(changed).ravel().astype(int)).max() == 1


def test_an_attack_after_gamma_leaves_no_gap_to_be_closed():
    changed = benign.sign_noise(benign.gamma(_levels(), 8, 0.9, _generator()), 8, 1, _generator())
    np.testing.assert_array_equal(_closed(changed), changed)


def test_a_level_beside_a_rare_one_may_be_empty_by_chance():
    levels = np.repeat([10, 12], (SIDE * SIDE - WELL_FILLED + 1, WELL_FILLED - 1)).reshape(SIDE, SIDE, 1)
    np.testing.assert_array_equal(_closed(levels), levels)


def test_faint_noise_after_gamma_does_not_hide_the_gaps():
    gamma = benign.gamma(_levels(), 8, 0.9, _generator())
    for noisy in (benign.specks(gamma, 8, 0.02, _generator()), benign.gaussian_noise(gamma, 8, 0.25, _generator())):
        taken = gamma.astype(int) - _closed(gamma)
        assert (np.abs(noisy.astype(int) - _closed(noisy) - taken) <= 1).all()


def test_what_lies_between_levels_moves_with_the_nearest():
    stretched = _pixels(np.rint(_levels(200) * 1.25).astype(np.uint8)).double()
    torch.testing.assert_close(close_gaps(stretched + 0.4 / 255) - 0.4 / 255, close_gaps(stretched))


def test_a_part_of_the_range_that_is_not_used_stays():
    levels = np.repeat([0, 3, 4], (SIDE * SIDE - 200, 100, 100)).reshape(SIDE, SIDE, 1)
    np.testing.assert_array_equal(_closed(levels), levels)


def test_each_image_and_each_channel_has_a_histogram_of_its_own():
    plain = _pixels(_levels(200))
    stretched = _pixels(np.rint(_levels(200) * 1.25).astype(np.uint8))
    beside = torch.cat([torch.cat([plain, stretched], 1), torch.cat([plain, plain], 1)])
    torch.testing.assert_close(close_gaps(beside), plain.expand(2, 2, -1, -1))


def test_the_gradient_is_that_of_the_identity():
    pixels = _pixels(np.rint(_levels(200) * 1.25).astype(np.uint8)).requires_grad_()
    close_gaps(pixels).sum().backward()
    assert pixels.grad is not None
    assert torch.equal(pixels.grad, torch.ones_like(pixels))


@torch.no_grad()
def test_the_residual_network_sees_a_stretched_scan_as_the_scan():
    network = ResidualNetwork(1).eval()
    plain, stretched = _levels(200), np.rint(_levels(200) * 1.25).astype(np.uint8)
    torch.testing.assert_close(network(_pixels(stretched)).logit, network(_pixels(plain)).logit)
    assert not torch.allclose(
        network.body(network.high_pass(_pixels(stretched))), network.body(network.high_pass(_pixels(plain)))
    )
