import numpy as np
import pytest

from detector.poisoned.concentration import unnatural


def scattered(rng, n_classes, n):
    """Mistakes between any two classes."""
    given = rng.integers(0, n_classes, n)
    believed = (given + rng.integers(1, n_classes, n)) % n_classes
    return given, believed


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [0, 5, 40, 400])
def test_scattered_mistakes_have_no_unnatural_pair(seed, n):
    assert not unnatural(*scattered(np.random.default_rng(seed), 10, n), 10).any()


@pytest.mark.parametrize("seed", range(5))
def test_a_pair_that_repeats_stands_out_alone(seed):
    given, believed = scattered(np.random.default_rng(seed), 10, 40)
    odd = unnatural(np.append(given, np.full(30, 1)), np.append(believed, np.full(30, 7)), 10)
    assert np.argwhere(odd).tolist() == [[1, 7]]


def test_two_classes_that_look_alike_are_natural():
    given, believed = scattered(np.random.default_rng(0), 10, 60)
    given, believed = np.append(given, [4] * 3 + [9] * 3), np.append(believed, [9] * 3 + [4] * 3)
    assert not unnatural(given, believed, 10).any()


def test_pairwise_flips_stand_out_both_ways():
    given, believed = scattered(np.random.default_rng(0), 10, 40)
    given, believed = np.append(given, [3] * 25 + [5] * 25), np.append(believed, [5] * 25 + [3] * 25)
    assert np.argwhere(unnatural(given, believed, 10)).tolist() == [[3, 5], [5, 3]]


def test_flips_of_everything_into_everything_have_none():
    assert not unnatural(*scattered(np.random.default_rng(0), 10, 5000), 10).any()


def test_few_classes_have_few_pairs_and_still_a_usual_one():
    odd = unnatural(np.array([0] * 60 + [1, 2, 2]), np.array([1] * 60 + [0, 0, 1]), 3)
    assert np.argwhere(odd).tolist() == [[0, 1]]
