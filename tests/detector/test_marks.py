import math

import pytest
import torch

from detector.marks import N_COHERENCES, N_MARKS, N_PAIRS, N_TWISTS, PERIODS, REACH, Marks

SIDE = 32


def counts(levels, channels=1):
    """The counts behind the marks, of levels (H, W)."""
    pixels = levels.float()[None, None].expand(1, channels, -1, -1) / 255
    height, width = levels.shape
    return torch.expm1(Marks(channels)(pixels)[0]) * height * width / 224**2


def turns(found):
    return found[N_PAIRS:].reshape(len(PERIODS), N_COHERENCES, N_TWISTS)


def signs(seed=0):
    return torch.randint(0, 2, (SIDE, SIDE), generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(("clock", "eps"), [(0, 2), (1, 4), (2, 8)])
def test_one_step_of_signs_leaves_no_pixel_out_of_step(clock, eps):
    found = turns(counts(100 + eps * signs()))[clock]
    assert found[-1, 0].item() == pytest.approx((SIDE - 2) ** 2, rel=1e-4)


def test_a_pixel_that_was_moved_by_half_the_radius_stands_out_by_a_quarter_turn():
    levels = 100 + 4 * signs()
    levels[9, 9] = 102
    found = turns(counts(levels))[1]
    assert found[-1, math.floor(math.sin(math.pi / 4) * (N_TWISTS - 1) + 0.5)].item() == pytest.approx(1, rel=1e-3)
    # It turns the mean hand around its eight neighbours a little.
    assert found[:, 0].sum().item() == pytest.approx((SIDE - 2) ** 2 - 9, rel=1e-4)
    assert found[:, 1].sum().item() == pytest.approx(8, rel=1e-4)


def test_windows_that_touch_black_are_left_out():
    levels = torch.full((SIDE, SIDE), 100)
    levels[9, 9] = 0
    assert turns(counts(levels))[0].sum().item() == pytest.approx((SIDE - 2) ** 2 - 9, rel=1e-4)


def test_pairs_of_differences_are_counted_along_both_axes():
    levels = torch.full((SIDE, SIDE), 100)
    levels[9, 9] = 103
    pairs = counts(levels)[:N_PAIRS].reshape(REACH + 1, 2 * REACH + 1)
    n = 2 * SIDE * (SIDE - 2)
    assert pairs.sum().item() == pytest.approx(n, rel=1e-4)
    # Onto the pixel (0, 3), over it (3, -3), and off it (-3, 0), which is (3, 0) turned round; each axis once.
    for first, second in ((0, 3), (3, -3), (3, 0)):
        assert pairs[first, second + REACH].item() == pytest.approx(2, rel=1e-3)
    assert pairs[0, REACH].item() == pytest.approx(n - 6, rel=1e-4)


def test_a_pair_that_begins_downwards_counts_as_its_negative():
    levels = torch.full((SIDE, SIDE), 100)
    levels[9, 9] = 97
    pairs = counts(levels)[:N_PAIRS].reshape(REACH + 1, 2 * REACH + 1)
    for first, second in ((0, -3), (3, -3), (3, 0)):
        assert pairs[first, second + REACH].item() == pytest.approx(2, rel=1e-3)


def test_a_difference_beyond_reach_counts_as_the_furthest():
    levels = torch.full((SIDE, SIDE), 100)
    levels[9, 9] = 200
    pairs = counts(levels)[:N_PAIRS].reshape(REACH + 1, 2 * REACH + 1)
    assert pairs[REACH, 0].item() == pytest.approx(2, rel=1e-3)


def test_a_larger_image_of_the_same_kind_has_the_same_marks():
    small, large = (torch.full((1, 1, side, side), 0.5) for side in (100, 200))
    torch.testing.assert_close(Marks(1)(small), Marks(1)(large), atol=0.05, rtol=0)


def test_the_middle_channel_is_looked_at():
    grey = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    colour = torch.cat([torch.zeros_like(grey), grey, torch.ones_like(grey)], 1)
    assert torch.equal(Marks(3)(colour), Marks(1)(grey))


def test_levels_of_more_bits_are_rounded_to_eight():
    deep = (100 + 4 * signs()).float()[None, None] * 257 + 60
    assert torch.equal(Marks(1)(deep / 65535), Marks(1)((100 + 4 * signs()).float()[None, None] / 255))


def test_the_smallest_images_have_marks():
    assert Marks(1)(torch.rand(2, 1, 16, 16)).shape == (2, N_MARKS)
