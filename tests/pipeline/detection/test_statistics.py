import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.detection.statistics import auroc, auroc_interval, rate


def test_auroc_agrees_with_scikit_learn_also_on_ties():
    rng = np.random.default_rng(0)
    high, low = rng.normal(1, 1, 80).round(1), rng.normal(0, 1, 120).round(1)
    expected = roc_auc_score(np.r_[np.ones(80), np.zeros(120)], np.r_[high, low])
    assert auroc(high, low) == pytest.approx(expected)


def test_equal_scores_are_a_coin_toss_and_nothing_is_no_number():
    assert auroc(np.arange(9.0), np.arange(9.0)) == 0.5
    assert np.isnan(auroc(np.empty(0), np.ones(3)))
    assert auroc_interval(np.empty(0), np.ones(3), np.empty(0, int), np.arange(3), seed=0).value is None


def test_the_interval_holds_the_estimate_and_narrows_with_groups():
    rng = np.random.default_rng(1)

    def width(n):
        high, low = rng.normal(1, 1, n), rng.normal(0, 1, n)
        found = auroc_interval(high, low, np.arange(n), np.arange(n), seed=0, n_resamples=200)
        assert found.low <= found.value <= found.high
        return found.high - found.low

    assert width(400) < width(40)


def test_copies_of_one_scan_do_not_narrow_the_interval():
    rng = np.random.default_rng(2)
    high, low, groups = rng.normal(1, 1, 30), rng.normal(0, 1, 30), np.arange(30)
    once = auroc_interval(high, low, groups, groups, seed=0, n_resamples=300)
    ten = auroc_interval(
        np.tile(high, 10), np.tile(low, 10), np.tile(groups, 10), np.tile(groups, 10), seed=0, n_resamples=300
    )
    assert ten.high - ten.low == pytest.approx(once.high - once.low, rel=1e-6)


def test_a_share_of_nothing_and_of_everything():
    assert rate(0, 0).value is None
    assert rate(0, 20).low == 0
    assert rate(0, 20).high == pytest.approx(0.168, abs=1e-3)
    assert rate(20, 20).high == 1
