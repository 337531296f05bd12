import numpy as np
import pytest
from PIL import Image

from pipeline.models.resize import fit_levels, resize_matrix
from tests.pipeline.models.specs import small_spec


@pytest.mark.parametrize(("n_in", "n_out"), [(8, 8), (8, 16), (31, 16), (224, 9), (9, 224)])
def test_every_output_is_an_average_of_inputs(n_in, n_out):
    matrix = resize_matrix(n_in, n_out)
    assert matrix.shape == (n_out, n_in)
    assert matrix.dtype == np.float32
    assert (matrix >= 0).all()
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


def test_equal_lengths_change_nothing():
    np.testing.assert_array_equal(resize_matrix(12, 12), np.eye(12, dtype=np.float32))


@pytest.mark.parametrize("size", [(20, 80), (16, 9), (50, 37), (51, 36)])
def test_agrees_with_pillows_bilinear(size):
    x = np.random.default_rng(0).random((50, 37), dtype=np.float32)
    expected = np.asarray(Image.fromarray(x).resize((size[1], size[0]), Image.Resampling.BILINEAR))
    found = resize_matrix(50, size[0]) @ x @ resize_matrix(37, size[1]).T
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_levels_of_any_depth_become_the_same_pixels():
    eight = np.full((16, 16, 1), 51, dtype=np.uint8)
    sixteen = np.full((16, 16, 1), 13107, dtype=np.uint16)
    for levels, bits in ((eight, 8), (sixteen, 16)):
        np.testing.assert_allclose(fit_levels(levels, bits, small_spec()), 0.2, atol=1e-6)


def test_colour_becomes_grey_by_luma_and_grey_is_repeated():
    red = np.zeros((20, 24, 3), dtype=np.uint8)
    red[..., 0] = 255
    np.testing.assert_allclose(fit_levels(red, 8, small_spec()), 0.299, atol=1e-6)
    spec = small_spec(channels=3, mean=[0.2] * 3, std=[0.3] * 3)
    assert fit_levels(red[..., :1], 8, spec).shape == (3, 16, 16)
