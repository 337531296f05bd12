from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from detector.poisoned.patch_counts import chance, coded, hashes, seeds


def found(pixels, labels, **changed):
    options = {"sides": (2,), "min_count": 5, "elsewhere": 0.02, "alpha": 1e-3} | changed
    return seeds(coded(pixels, 3), labels, int(labels.max()) + 1, **options)


def noise(n=90, side=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 1)).astype(np.uint8)


def test_codes_are_the_top_bits_pixel_by_pixel():
    pixels = noise(300)
    np.testing.assert_array_equal(coded(pixels, 3), (pixels[..., 0] >> 5).transpose(1, 2, 0))


def test_grey_in_three_channels_has_the_codes_of_one():
    pixels = noise()
    np.testing.assert_array_equal(coded(np.repeat(pixels, 3, axis=3), 3), coded(pixels, 3))


def test_colours_that_differ_have_codes_that_differ():
    colours = np.array(list(product((0, 100, 255), repeat=3)), np.uint8)[:, None, None, :]
    assert len(np.unique(coded(colours, 3))) == 27


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_a_hash_hangs_on_every_pixel_of_its_square_and_on_no_other(side):
    rng = np.random.default_rng(side)
    rows = rng.integers(0, 8, (side, 7, 1)).astype(np.uint8)
    before = hashes(rows)
    assert before.shape == (7 - side + 1, 1)
    assert before.max() < 1024
    for i, j in product(range(side), range(7)):
        changed = rows.copy()
        changed[i, j] ^= 5
        touched = np.array([place <= j < place + side for place in range(7 - side + 1)])
        moved = (hashes(changed) != before)[:, 0]
        assert not moved[~touched].any()
        # One in a thousand bins is shared; here none is.
        assert moved[touched].all()


def test_the_chance_of_all_carriers_in_one_class_is_its_share_to_their_number():
    np.testing.assert_allclose(chance([10, 400], [10, 400], [0.1, 0.1]), [-10, -400])
    assert chance(7, 9, 0.3) == pytest.approx(np.log10(binom.sf(6, 9, 0.3)))
    assert np.isfinite(chance(5000, 5002, 0.01))


def test_a_planted_square_is_the_least_likely_seed():
    pixels, labels = noise(), np.arange(90) % 3
    carriers = np.flatnonzero(labels == 1)[:20]
    pixels[carriers, 2:4, 3:5, 0] = [[0, 255], [128, 64]]
    (seed,), n_tried = found(pixels, labels)
    assert (seed.row, seed.column, seed.side, seed.label, seed.n_inside) == (2, 3, 2, 1, 20)
    np.testing.assert_array_equal(seed.carriers, carriers)
    assert seed.log10_p == pytest.approx(20 * np.log10(1 / 3))
    assert n_tried >= 3


def test_carriers_elsewhere_forbid_a_seed_unless_they_are_let_pass():
    pixels, labels = noise(), np.arange(90) % 3
    pixels[np.flatnonzero(labels == 1)[:20], 2:4, 3:5, 0] = 255
    pixels[np.flatnonzero(labels == 2)[:3], 2:4, 3:5, 0] = 255
    assert found(pixels, labels)[0] == []
    assert [seed.n_inside for seed in found(pixels, labels, elsewhere=0.1)[0]] == [20]


def test_what_all_classes_share_and_what_is_too_rare_are_no_seeds():
    pixels, labels = noise(), np.arange(90) % 3
    pixels[:, 0:3, 0:3] = 0
    pixels[np.flatnonzero(labels == 1)[:4], 2:4, 3:5, 0] = 255
    assert found(pixels, labels)[0] == []


def test_squares_larger_than_the_image_are_left_out():
    assert found(noise(side=3), np.arange(90) % 3, sides=(4, 9)) == ([], 0)
