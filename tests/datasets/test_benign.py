from collections.abc import Callable

import numpy as np
import pytest

from datasets.benign import (
    CONTROLS,
    gamma,
    gaussian_noise,
    jpeg,
    rician_noise,
    sign_noise,
    small_resize,
    specks,
    uniform_noise,
)
from datasets.errors import BadImage

STRENGTHS = {
    "sign_noise": 2,
    "uniform_noise": 2,
    "gaussian_noise": 3,
    "rician_noise": 3,
    "specks": 0.05,
    "jpeg": 90,
    "gamma": 0.8,
    "small_resize": 0.9,
}


def ramp(bits: int, channels: int) -> np.ndarray:
    """Levels from none to all, so that every control meets both ends of the box."""
    top = (1 << bits) - 1
    flat = np.linspace(0, top, 12 * 16 * channels).round()
    return flat.reshape(12, 16, channels).astype(np.uint8 if bits == 8 else np.uint16)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_control_has_a_strength_here() -> None:
    assert set(STRENGTHS) == set(CONTROLS)


@pytest.mark.parametrize("name", sorted(CONTROLS))
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_keeps_shape_type_and_box(name: str, bits: int, channels: int) -> None:
    levels = ramp(bits, channels)
    before = levels.copy()
    changed = CONTROLS[name](levels, bits, STRENGTHS[name], rng())
    assert (changed.shape, changed.dtype) == (levels.shape, levels.dtype)
    assert changed.max() < 1 << bits
    assert (changed != levels).any()
    np.testing.assert_array_equal(levels, before)


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_the_generator_decides_and_decides_alone(name: str) -> None:
    levels = ramp(8, 1)
    np.random.seed(1)
    state = np.random.get_state()[1].copy()
    first = CONTROLS[name](levels, 8, STRENGTHS[name], rng(7))
    np.testing.assert_array_equal(first, CONTROLS[name](levels, 8, STRENGTHS[name], rng(7)))
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_uniform_noise_reaches_every_level_up_to_its_amplitude_equally_often() -> None:
    levels = np.full((200, 200, 1), 100, dtype=np.uint8)
    moves, counts = np.unique(uniform_noise(levels, 8, 2, rng()).astype(int) - 100, return_counts=True)
    assert moves.tolist() == [-2, -1, 0, 1, 2]
    assert counts.min() > 0.9 * levels.size / 5


def test_sign_noise_moves_every_level_by_its_amplitude_inside_the_box() -> None:
    levels = np.full((40, 40, 1), 100, dtype=np.uint8)
    moved = sign_noise(levels, 8, 3, rng()).astype(int) - 100
    assert set(np.unique(moved)) == {-3, 3}
    assert abs(moved.mean()) < 0.5


def test_gaussian_noise_has_its_standard_deviation() -> None:
    levels = np.full((200, 200, 1), 2000, dtype=np.uint16)
    assert gaussian_noise(levels, 12, 20, rng()).std() == pytest.approx(20, rel=0.03)


def test_rician_noise_lifts_the_dark_as_a_rayleigh_distribution() -> None:
    dark = rician_noise(np.zeros((200, 200, 1), dtype=np.uint16), 12, 20, rng())
    assert dark.mean() == pytest.approx(20 * np.sqrt(np.pi / 2), rel=0.02)


@pytest.mark.parametrize("bits", [8, 12])
def test_specks_move_a_share_of_the_levels_by_one_of_eight_bits(bits: int) -> None:
    one = round(((1 << bits) - 1) / 255)
    levels = np.full((200, 200, 1), 100 * one, dtype=np.uint16)
    moved = specks(levels, bits, 0.05, rng()).astype(int) - 100 * one
    assert set(np.unique(moved)) == {-one, 0, one}
    assert (moved != 0).mean() == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("control", [sign_noise, gaussian_noise, rician_noise, specks])
def test_noise_of_no_strength_changes_nothing(control: Callable[..., np.ndarray]) -> None:
    np.testing.assert_array_equal(control(ramp(16, 3), 16, 0, rng()), ramp(16, 3))


def test_gamma_of_one_changes_nothing() -> None:
    np.testing.assert_array_equal(gamma(ramp(12, 1), 12, 1.0, rng()), ramp(12, 1))


def test_jpeg_loses_little_at_full_quality_and_more_at_less() -> None:
    levels = rng(3).integers(0, 256, (32, 32, 1)).astype(np.uint8)
    errors = [np.abs(jpeg(levels, 8, q, rng()).astype(int) - levels).mean() for q in (100, 75)]
    assert errors[0] < 1 < errors[1]


def test_resize_leaves_a_flat_image_flat() -> None:
    flat = np.full((17, 23, 3), 4000, dtype=np.uint16)
    np.testing.assert_array_equal(small_resize(flat, 12, 0.9, rng()), flat)


@pytest.mark.parametrize(
    ("control", "strength", "message"),
    [
        (sign_noise, -1, "amplitude_levels -1, expected at least 0"),
        (gaussian_noise, float("nan"), "sigma_levels nan"),
        (rician_noise, -1, "sigma_levels -1"),
        (specks, 1.5, "share 1.5, expected 0 to 1"),
        (jpeg, 0, "quality 0, expected 1 to 100"),
        (gamma, 0, "exponent 0, expected more than 0"),
        (small_resize, 9, "factor 9, expected 0.1 to 4"),
    ],
)
def test_refuses_a_strength_that_is_none(control: Callable[..., np.ndarray], strength: float, message: str) -> None:
    with pytest.raises(BadImage, match=message):
        control(ramp(8, 1), 8, strength, rng())
