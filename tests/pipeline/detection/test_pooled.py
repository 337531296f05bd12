import numpy as np
import pytest

from pipeline.detection.pooled import NOTHING, Sample, pooled_auroc, pooled_rate
from pipeline.detection.statistics import auroc, auroc_interval


def sample(shift, *, n=40, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    return Sample(rng.normal(shift, 1, n) + offset, np.arange(n), rng.normal(0, 1, n) + offset, np.arange(n))


def test_one_seed_pooled_is_that_seed():
    one = sample(1.0)
    alone = auroc_interval(one.suspicious, one.ordinary, one.suspicious_groups, one.ordinary_groups, seed=0)
    pooled = pooled_auroc([one])
    assert (pooled.value, pooled.low, pooled.high, pooled.worst) == (alone.value, alone.low, alone.high, alone.value)


def test_scores_of_different_detectors_are_not_compared():
    seeds = [sample(1.0, seed=k, offset=100 * k) for k in range(3)]
    pooled = pooled_auroc(seeds, n_resamples=50)
    each = [auroc(one.suspicious, one.ordinary) for one in seeds]
    assert pooled.value == pytest.approx(np.mean(each))
    assert (pooled.worst, pooled.n, pooled.n_groups) == (min(each), 120, 40)


def test_three_seeds_on_the_same_scans_are_not_three_times_as_many_scans():
    one = pooled_auroc([sample(1.0)])
    three = pooled_auroc([sample(1.0)] * 3)
    assert three.high - three.low == pytest.approx(one.high - one.low, rel=1e-6)
    hits, groups = np.arange(30) < 12, np.arange(30)
    once, thrice = pooled_rate([hits], [groups]), pooled_rate([hits] * 3, [groups] * 3)
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low)


def test_all_or_nothing_leaves_the_doubt_of_as_many_groups():
    pooled = pooled_rate([np.ones(20, bool)] * 3, [np.arange(20)] * 3)
    assert (pooled.value, pooled.high, pooled.n, pooled.n_groups) == (1.0, 1.0, 60, 20)
    assert pooled.low == pytest.approx(0.832, abs=1e-3)
    assert pooled_rate([np.zeros(20, bool)], [np.arange(20)]).high == pytest.approx(0.168, abs=1e-3)


def test_the_worst_seed_is_the_one_with_most_alarms_where_alarms_are_bad():
    hits, groups = [np.arange(10) < k for k in (1, 4)], [np.arange(10)] * 2
    assert pooled_rate(hits, groups).worst == 0.1
    assert pooled_rate(hits, groups, low_is_worst=False).worst == 0.4


def test_nothing_seen_is_nothing_told():
    assert pooled_auroc([]) == pooled_rate([], []) == NOTHING
    assert pooled_auroc([Sample(np.empty(0), np.empty(0, int), np.ones(3), np.arange(3))]) == NOTHING
