import numpy as np
import pytest
from scipy.stats import binom

from detector.conformal import (
    OFFERED_ALPHAS,
    alarms,
    false_alarm_band,
    flagged_range,
    n_needed,
    p_values,
    require_support,
    supported_alpha,
    supports,
    threshold,
)
from detector.errors import NotEnoughClean


def test_a_p_value_counts_the_scan_itself_and_ties_against_suspicion():
    calibration = np.array([1.0, 2.0, 2.0, 3.0])
    np.testing.assert_allclose(p_values(calibration, np.array([0.0, 2.0, 2.5, 3.0, 9.0])), [1, 0.8, 0.4, 0.4, 0.2])


def test_a_score_that_is_no_number_has_no_p_value_and_raises_no_alarm():
    p = p_values(np.arange(5.0), np.array([np.nan]))
    assert np.isnan(p[0])
    assert not alarms(float(p[0]), 0.5)


@pytest.mark.parametrize("n", [300, 999, 1000])
def test_false_alarms_average_to_what_is_promised_and_stay_in_the_band(n):
    rng = np.random.default_rng(n)
    alpha, n_trials, n_scans = 0.01, 400, 5000
    rates = []
    for _ in range(n_trials):
        calibration = np.sort(rng.normal(size=n))
        p = p_values(calibration, rng.normal(size=n_scans))
        rates.append(np.mean([p <= alpha + 1e-9]))
    low, high = false_alarm_band(n, alpha)
    # 95 % of the rates lie in the band, but for the 5,000 scans that each is estimated on.
    inside = np.mean([(low - 0.003 <= rate <= high + 0.003) for rate in rates])
    assert inside >= binom.ppf(1e-4, n_trials, 0.95) / n_trials
    assert np.mean(rates) == pytest.approx(np.floor(alpha * (n + 1) + 1e-9) / (n + 1), abs=0.001)


def test_the_threshold_flags_exactly_what_the_p_value_flags():
    rng = np.random.default_rng(0)
    calibration = np.sort(rng.normal(size=57).round(1))
    scores = rng.normal(size=2000).round(1)
    for alpha in (0.001, 0.02, 0.1, 0.5):
        flagged = [alarms(float(p), alpha) for p in p_values(calibration, scores)]
        np.testing.assert_array_equal(scores > threshold(calibration, alpha), flagged)


def test_one_per_cent_needs_three_hundred_clean_scans():
    assert n_needed(0.01) == 300
    assert supports(300, 0.01)
    assert not supports(299, 0.01)


def test_a_rate_that_n_cannot_support_is_refused_with_one_that_it_can():
    with pytest.raises(NotEnoughClean, match=r"200 clean calibration images cannot support .* 0.01 .*choose 0.02") as e:
        require_support(200, 0.01)
    assert e.value.supported_alpha == 0.02
    require_support(200, 0.02)


def test_a_refusal_says_the_rate_as_forms_take_it_and_when_nothing_would_be_flagged():
    with pytest.raises(
        NotEnoughClean, match=r"of 0\.001 \(0\.1 %\): nothing would be flagged; choose 0\.1 \(10 %\) or more"
    ):
        require_support(40, 0.001)


def test_too_few_for_any_rate_says_so():
    with pytest.raises(NotEnoughClean, match="no offered rate is supported: calibrate on at least 300") as e:
        require_support(5, 0.01)
    assert e.value.supported_alpha is None


@pytest.mark.parametrize("alpha", [0.0, -0.1, 0.7, float("nan")])
def test_a_rate_out_of_range_is_refused(alpha):
    with pytest.raises(NotEnoughClean, match=r"expected within \(0, 0.5\]"):
        require_support(1000, alpha)


@pytest.mark.parametrize("alpha", OFFERED_ALPHAS)
def test_every_offered_rate_stays_supported_with_more_scans(alpha):
    needed = n_needed(alpha)
    assert all(supports(n, alpha) for n in range(needed, needed + 500))
    assert not supports(needed - 1, alpha)


@pytest.mark.parametrize(("n", "alpha"), [(5, 0.2), (55, 0.1), (208, 0.02), (1000, 0.01)])
def test_a_detector_is_judged_at_the_smallest_usual_rate_that_its_scans_support(n, alpha):
    assert supported_alpha(n) == alpha


def test_the_share_of_a_few_further_scans_varies_more_than_the_rate_itself():
    rng = np.random.default_rng(0)
    n, n_seen, alpha = 400, 200, 0.02
    shares = []
    for _ in range(2000):
        tau = threshold(np.sort(rng.random(n)), alpha)
        shares.append((rng.random(n_seen) > tau).mean())
    low, high = flagged_range(n, alpha, n_seen)
    band = false_alarm_band(n, alpha)
    assert low <= band[0] < band[1] <= high
    assert 0.93 <= np.mean([low <= share <= high for share in shares]) <= 0.995
