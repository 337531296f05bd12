import numpy as np
import pytest

from detector.poisoned.concentration import chance_by_trusted, confusions, unnatural


def scattered(rng, n_classes, n):
    """Mistakes between any two classes."""
    given = rng.integers(0, n_classes, n)
    believed = (given + rng.integers(1, n_classes, n)) % n_classes
    return given, believed


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [0, 5, 40, 400])
def test_scattered_mistakes_have_no_unnatural_pair(seed, n):
    assert not unnatural(confusions(*scattered(np.random.default_rng(seed), 10, n), 10)).any()


@pytest.mark.parametrize("seed", range(5))
def test_a_pair_that_repeats_stands_out_alone(seed):
    given, believed = scattered(np.random.default_rng(seed), 10, 40)
    odd = unnatural(confusions(np.append(given, np.full(30, 1)), np.append(believed, np.full(30, 7)), 10))
    assert np.argwhere(odd).tolist() == [[1, 7]]


def test_two_classes_that_look_alike_are_natural():
    given, believed = scattered(np.random.default_rng(0), 10, 60)
    given, believed = np.append(given, [4] * 3 + [9] * 3), np.append(believed, [9] * 3 + [4] * 3)
    assert not unnatural(confusions(given, believed, 10)).any()


def test_pairwise_flips_stand_out_both_ways():
    given, believed = scattered(np.random.default_rng(0), 10, 40)
    given, believed = np.append(given, [3] * 25 + [5] * 25), np.append(believed, [5] * 25 + [3] * 25)
    assert np.argwhere(unnatural(confusions(given, believed, 10))).tolist() == [[3, 5], [5, 3]]


def test_flips_of_everything_into_everything_have_none():
    assert not unnatural(confusions(*scattered(np.random.default_rng(0), 10, 5000), 10)).any()


def test_few_classes_have_few_pairs_and_still_a_usual_one():
    odd = unnatural(confusions(np.array([0] * 60 + [1, 2, 2]), np.array([1] * 60 + [0, 0, 1]), 3))
    assert np.argwhere(odd).tolist() == [[0, 1]]


def test_labels_that_are_believed_are_no_confusion():
    counts = confusions(np.array([0, 0, 1, 2]), np.array([1, 1, 1, 0]), 3)
    assert counts.tolist() == [[0, 2, 0], [0, 0, 0], [1, 0, 0]]


# Of four classes the first is often taken for the second, by honest data: 7 in 100.
LOOK_ALIKE = np.array([[0, 7, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]])


def test_look_alikes_are_as_frequent_as_among_the_trusted():
    of = np.full(4, 1000), LOOK_ALIKE, np.full(4, 100)
    assert chance_by_trusted(10 * LOOK_ALIKE, *of).min() > 0.1
    assert chance_by_trusted(14 * LOOK_ALIKE, *of)[0, 1] > 0.01


def test_a_pair_beyond_what_the_trusted_let_expect_is_not():
    counts = 10 * LOOK_ALIKE
    counts[1, 0] = 200
    chance = chance_by_trusted(counts, np.full(4, 1000), LOOK_ALIKE, np.full(4, 100))
    assert np.argwhere(chance < 1e-6).tolist() == [[1, 0]]


def test_few_trusted_samples_excuse_no_pair_that_none_of_them_falls_into():
    counts, none = np.zeros((10, 10), np.int64), np.zeros((10, 10), np.int64)
    counts[1, 7] = 40
    chance = chance_by_trusted(counts, np.full(10, 800), none, np.full(10, 50))
    assert np.argwhere(chance < 0.01).tolist() == [[1, 7]]


@pytest.mark.parametrize("level", [0.1, 0.01])
def test_honest_data_come_so_far_from_their_trusted_samples_as_seldom_as_is_said(level):
    rng, found, n_pairs = np.random.default_rng(0), 0, 0
    for _ in range(400):
        shares = rng.uniform(0, 0.1, (4, 4)) * ~np.eye(4, dtype=bool)
        rest, trusted = rng.binomial(1000, shares), rng.binomial(120, shares)
        chance = chance_by_trusted(rest, np.full(4, 1000), trusted, np.full(4, 120))
        found, n_pairs = found + (chance < level).sum(), n_pairs + 12
    assert found <= 2 * level * n_pairs


@pytest.mark.parametrize(("n_trusted", "most"), [(20, 0.25), (125, 0.05)])
def test_a_pair_of_look_alikes_is_excused_the_better_the_more_are_trusted(n_trusted, most):
    rng, accused, n_runs = np.random.default_rng(0), 0, 400
    shares = 0.01 * ~np.eye(4, dtype=bool)
    shares[0, 1] = 0.12
    for _ in range(n_runs):
        rest, trusted = rng.binomial(1000, shares), rng.binomial(n_trusted, shares)
        accused += chance_by_trusted(rest, np.full(4, 1000), trusted, np.full(4, n_trusted))[0, 1] < 0.01
    assert accused / n_runs <= most
