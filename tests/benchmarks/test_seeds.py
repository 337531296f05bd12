import numpy as np
import pytest
from scipy import stats

from benchmarks.seeds import over_seeds


def test_three_seeds_are_told_with_the_interval_of_their_mean():
    values = [0.90, 0.94, 0.98]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert high - np.mean(values) == pytest.approx(np.mean(values) - low) == pytest.approx(0.0994, abs=1e-4)
    assert over_seeds(values, ".2%") == "94.00% ± 9.94% (90.00% to 98.00%)"


def test_one_seed_has_no_interval():
    assert over_seeds([0.5], ".3f") == "0.500 (0.500 to 0.500)"


def test_seeds_that_agree_have_none_to_speak_of():
    assert over_seeds([1.0, 1.0], ".2%") == "100.00% ± 0.00% (100.00% to 100.00%)"
