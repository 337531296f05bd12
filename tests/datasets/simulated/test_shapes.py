import numpy as np
import pytest

from datasets.simulated.shapes import band, below, radius_in, smooth_noise, smooth_union


def test_smooth_noise_has_mean_0_and_variance_1_over_many_draws():
    rng = np.random.default_rng(0)
    fields = np.stack([smooth_noise(rng, 24, 5) for _ in range(800)])
    np.testing.assert_allclose(fields.mean(0), 0, atol=0.2)
    np.testing.assert_allclose(fields.var(0), 1, atol=0.3)


def test_fewer_cells_are_smoother():
    def roughness(cells: int) -> float:
        field = smooth_noise(np.random.default_rng(1), 64, cells)
        return float(np.abs(np.diff(field)).mean())

    assert roughness(3) < roughness(9) < roughness(30)


def test_band_is_half_at_both_borders_and_full_between():
    values = np.array([-5.0, 0.0, 2.0, 4.0, 9.0], dtype=np.float32)
    np.testing.assert_allclose(band(values, 0.0, 4.0, edge=2.0), [0, 0.5, 1, 0.5, 0])


def test_below_falls_from_one_to_zero_across_its_edge():
    values = np.array([0.0, 0.5, 1.0, 1.5, 2.0], dtype=np.float32)
    np.testing.assert_allclose(below(values, 1.0, edge=2.0), [1, 0.75, 0.5, 0.25, 0])


def test_radius_is_one_on_the_surface_of_the_ellipsoid():
    surface = np.array([(3, 2, 3), (1, 5, 3), (1, 2, 8)], dtype=np.float32)
    np.testing.assert_allclose(radius_in(surface, (1, 2, 3), (2, 3, 5)), 1)


@pytest.mark.parametrize(("first", "second"), [(-30.0, 5.0), (5.0, -30.0)])
def test_union_far_from_the_crease_is_the_larger_depth(first, second):
    union = smooth_union(np.array([first]), np.array([second]), 2.0)
    np.testing.assert_allclose(union, 5.0, atol=1e-5)
