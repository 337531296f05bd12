"""What a scan went through before and after an attack: on all that are compared, and never so that nothing is left."""

import numpy as np

from datasets import benign
from pipeline.detection.controls import with_perturbation
from pipeline.detection.histories import History, draw_history

SIDE = 24


def scan(bits=8):
    source = np.random.default_rng(3)
    return source.integers(20, 200, (SIDE, SIDE, 1)).astype(np.uint8 if bits == 8 else np.uint16)


def head():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[6:18, 4:20] = True
    return mask


def darker(levels, bits, rng):
    return benign.gamma(levels, bits, 1.2, rng)


def brighter(levels, bits, rng):
    return levels + 1


def perturbed(clean):
    return np.random.default_rng(1).integers(-4, 5, clean.shape)


def test_without_a_history_an_attacked_scan_is_what_the_attack_made():
    clean, rng = scan(), np.random.default_rng(0)
    made = with_perturbation(clean, 8, perturbed(clean))
    np.testing.assert_array_equal(made, clean + perturbed(clean))
    assert made.dtype == clean.dtype
    assert History().seen(clean, 8, rng) is clean
    assert History().passed_on(made, clean, 8, head(), rng) is made


def test_a_scan_goes_through_what_was_before_and_what_followed():
    clean, rng = scan(), np.random.default_rng(0)
    history = History(before=darker, after=brighter)
    np.testing.assert_array_equal(history.seen(clean, 8, rng), darker(clean, 8, rng))
    np.testing.assert_array_equal(history.passed_on(clean, clean, 8, None, rng), clean + 1)


def test_a_change_that_is_held_leaves_the_background_as_it_was_seen():
    clean, rng = scan(), np.random.default_rng(0)
    made = History(held=True, after=brighter).passed_on(clean + 7, clean, 8, head(), rng)
    np.testing.assert_array_equal(made[head()], clean[head()] + 8)
    np.testing.assert_array_equal(made[~head()], clean[~head()] + 1)


def test_black_is_the_last_that_happens_and_leaves_the_head_alone():
    clean, rng = scan(), np.random.default_rng(0)
    made = History(after=brighter, black=True).passed_on(clean, clean, 8, head(), rng)
    np.testing.assert_array_equal(made[head()], clean[head()] + 1)
    assert (made[~head()] == 0).all()
    assert made.dtype == clean.dtype


def test_a_scan_without_a_background_is_all_head():
    clean, rng = scan(), np.random.default_rng(0)
    made = History(held=True, black=True).passed_on(clean + 7, clean, 8, None, rng)
    np.testing.assert_array_equal(made, clean + 7)


def test_levels_stay_in_their_box():
    assert (with_perturbation(scan(), 8, np.full((SIDE, SIDE, 1), 250)) == 255).all()


def histories(perturbation, bits=8, n=400, mask=None):
    rng = np.random.default_rng(0)
    return [draw_history(perturbation, bits, mask, rng) for _ in range(n)]


def test_a_fifth_is_held_to_the_head_and_a_fifth_loses_its_background():
    drawn = histories(np.full((SIDE, SIDE, 1), 4), mask=head())
    assert 50 < sum(one.held for one in drawn) < 110
    assert 50 < sum(one.black for one in drawn) < 110
    assert not any(one.held and one.black for one in drawn)


def test_the_background_stays_where_the_attack_lies_in_it_or_there_is_none():
    outside = np.where(head(), 0, 9)[..., None]
    for drawn in (histories(outside, mask=head()), histories(np.full((SIDE, SIDE, 1), 4))):
        assert not any(one.held or one.black for one in drawn)


def test_half_of_the_scans_have_a_past_and_a_quarter_goes_on():
    drawn = histories(np.full((4, 4, 1), 4))
    assert 160 < sum(one.before is not None for one in drawn) < 240
    assert 60 < sum(one.after is not None for one in drawn) < 140
    assert sum(one.before is None and one.after is None for one in drawn) > 100


def noises(drawn):
    """The standard deviations, in levels, of the noise before the attack."""
    before = [one.before.args for one in drawn if one.before is not None]
    return [sigma for control, sigma in before if control is benign.gaussian_noise]


def test_nothing_follows_an_attack_of_which_nothing_would_be_left():
    weak = np.zeros((10, 10, 1), int)
    weak[0, 0] = 9
    assert all(one.after is None for one in histories(weak))
    # Noise of half a level leaves most pixels as they are.
    assert 0.4 < max(noises(histories(weak))) <= 0.5
    assert 1.4 < max(noises(histories(np.full((4, 4, 1), 4)))) <= 1.5
    assert all(one.after is None for one in histories(np.full((4, 4, 1), 100), bits=16))
    assert any(one.after is not None for one in histories(np.full((4, 4, 1), 514), bits=16))


def test_every_change_keeps_shape_type_and_box():
    for bits in (8, 12):
        clean, rng = scan(bits), np.random.default_rng(0)
        perturbation = np.full(clean.shape, 3 * (2**bits - 1) // 255)
        for history in histories(perturbation, bits, n=60, mask=head()):
            made = history.passed_on(with_perturbation(clean, bits, perturbation), clean, bits, head(), rng)
            assert (made.shape, made.dtype) == (clean.shape, clean.dtype)
            assert made.max() < 2**bits


def test_the_same_draws_give_the_same_history():
    clean, perturbation = scan(), np.full((SIDE, SIDE, 1), 4)

    def made():
        rng, drawn = np.random.default_rng(7), []
        for _ in range(20):
            history = draw_history(perturbation, 8, head(), rng)
            seen = history.seen(clean, 8, rng)
            drawn.append(history.passed_on(with_perturbation(seen, 8, perturbation), seen, 8, head(), rng))
        return drawn

    assert all(np.array_equal(a, b) for a, b in zip(made(), made(), strict=True))
