"""What a scan went through before and after an attack: on all that are compared, and never so that nothing is left."""

import numpy as np

from datasets import benign
from pipeline.detection.histories import History, draw_history

SIDE = 24


def scan(bits=8):
    source = np.random.default_rng(3)
    return source.integers(20, 200, (SIDE, SIDE, 1)).astype(np.uint8 if bits == 8 else np.uint16)


def darker(levels, bits, rng):
    return benign.gamma(levels, bits, 1.2, rng)


def brighter(levels, bits, rng):
    return levels + 1


def test_without_a_history_an_attacked_scan_is_what_the_attack_made():
    clean, rng = scan(), np.random.default_rng(0)
    perturbation = np.random.default_rng(1).integers(-4, 5, clean.shape)
    made = History().attacked(clean, 8, perturbation, rng)
    np.testing.assert_array_equal(made, clean + perturbation)
    assert made.dtype == clean.dtype
    assert History().seen(clean, 8, rng) is clean


def test_the_perturbation_lies_on_what_was_seen_and_goes_through_what_followed():
    clean, rng = scan(), np.random.default_rng(0)
    perturbation = np.random.default_rng(1).integers(-4, 5, clean.shape)
    history = History(before=darker, after=brighter)
    seen = darker(clean, 8, rng)
    np.testing.assert_array_equal(history.seen(clean, 8, rng), seen)
    np.testing.assert_array_equal(history.passed_on(clean, 8, rng), clean + 1)
    np.testing.assert_array_equal(history.attacked(clean, 8, perturbation, rng), seen + perturbation + 1)


def test_levels_stay_in_their_box():
    clean, rng = scan(), np.random.default_rng(0)
    made = History(before=darker).attacked(clean, 8, np.full(clean.shape, 250), rng)
    assert (made == 255).all()


def histories(perturbation, bits=8, n=400):
    rng = np.random.default_rng(0)
    return [draw_history(perturbation, bits, rng) for _ in range(n)]


def test_half_of_the_scans_have_a_past_and_a_quarter_goes_on():
    drawn = histories(np.full((4, 4, 1), 4))
    assert 160 < sum(one.before is not None for one in drawn) < 240
    assert 60 < sum(one.after is not None for one in drawn) < 140
    assert sum(one.before is None and one.after is None for one in drawn) > 100


def test_nothing_follows_an_attack_of_which_nothing_would_be_left():
    weak = np.zeros((10, 10, 1), int)
    weak[0, 0] = 9
    assert all(one.after is None for one in histories(weak))
    assert not any(one.before is not None and one.before.args[0] is benign.gaussian_noise for one in histories(weak))
    strong = histories(np.full((4, 4, 1), 4))
    assert any(one.before is not None and one.before.args[0] is benign.gaussian_noise for one in strong)
    assert all(one.after is None for one in histories(np.full((4, 4, 1), 100), bits=16))
    assert any(one.after is not None for one in histories(np.full((4, 4, 1), 514), bits=16))


def test_every_change_keeps_shape_type_and_box():
    for bits in (8, 12):
        clean, rng = scan(bits), np.random.default_rng(0)
        perturbation = np.full(clean.shape, 3 * (2**bits - 1) // 255)
        for history in histories(perturbation, bits, n=60):
            made = history.attacked(clean, bits, perturbation, rng)
            assert (made.shape, made.dtype) == (clean.shape, clean.dtype)
            assert made.max() < 2**bits


def test_the_same_draws_give_the_same_history():
    clean, perturbation = scan(), np.full((SIDE, SIDE, 1), 4)

    def made():
        rng = np.random.default_rng(7)
        return [draw_history(perturbation, 8, rng).attacked(clean, 8, perturbation, rng) for _ in range(20)]

    assert all(np.array_equal(a, b) for a, b in zip(made(), made(), strict=True))
