import json

import numpy as np
import pytest

from detector.errors import FeatureMismatch, NotEnoughClean, NotEnoughSamples, NotFinite
from detector.poisoned.strip_rule import StripRule

LEVEL = np.array([0.1, 0.5, 1.0])  # Bits that are usual for each class.


def clean(seed=0, n=600):
    """Entropies of clean images of three classes, one of which is read into nearly anything."""
    rng = np.random.default_rng(seed)
    predicted = rng.integers(0, 3, n)
    return LEVEL[predicted] * np.exp(0.3 * rng.normal(size=n)), predicted


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_clean_inputs_are_held_at_the_rate(rate):
    held = []
    for seed in range(20):
        rule = StripRule.fit(*clean(seed), 3)
        held.append((rule.score(*clean(seed + 100, 4000)) > rule.threshold(rate)).mean())
    # The rate comes true on the mean of calibrations; each has the spread of a Beta distribution.
    assert rate / 2 < np.mean(held) <= rate * 1.15


def long_tailed(seed, n):
    """What parts keep: hardly anything as a rule, and now and then nearly all; a third class is rarely seen."""
    rng = np.random.default_rng(seed)
    predicted = rng.choice(3, n, p=[0.49, 0.49, 0.02])
    return np.exp(-rng.pareto(1.5, n) * (1 + predicted)), predicted


def test_one_threshold_holds_clean_inputs_at_the_rate_whatever_the_tail():
    held = []
    for seed in range(40):
        rule = StripRule.fit(*long_tailed(seed, 600), 3, by_class=False)
        held.append((rule.score(*long_tailed(seed + 100, 4000)) > rule.threshold(0.01)).mean())
    assert 0.005 < np.mean(held) <= 0.0115


def test_one_threshold_is_for_all_classes():
    wavering, predicted = long_tailed(0, 600)
    rule = StripRule.fit(wavering, predicted, 3, by_class=False)
    np.testing.assert_allclose(rule.calibration, np.sort(-np.log(wavering + 1e-6)))
    same = rule.score(np.full(3, 0.2), np.arange(3))
    assert (same == same[0]).all()
    assert (np.diff(rule.score(np.linspace(1, 0, 30), np.ones(30, np.int64))) > 0).all()


def test_an_input_is_held_though_a_class_that_is_read_into_anything_has_lower_entropies():
    entropy, predicted = clean()
    rule = StripRule.fit(entropy, predicted, 3)
    triggered = np.full(50, 0.12)
    called = np.full(50, 2)
    assert triggered.min() > np.quantile(entropy, 0.1)
    assert (rule.score(triggered, called) > rule.threshold(0.01)).all()
    assert (rule.score(triggered, np.zeros(50, np.int64)) < rule.threshold(0.01)).all()


def test_lower_entropy_is_more_suspicious_and_order_does_not_matter():
    entropy, predicted = clean()
    rule = StripRule.fit(entropy, predicted, 3)
    order = np.random.default_rng(1).permutation(len(entropy))
    again = StripRule.fit(entropy[order], predicted[order], 3)
    np.testing.assert_allclose(again.calibration, rule.calibration)
    falling = rule.score(np.linspace(2, 0, 30), np.ones(30, np.int64))
    assert (np.diff(falling) > 0).all()


def test_a_class_of_no_clean_image_goes_by_all_of_them():
    entropy, predicted = clean()
    rule = StripRule.fit(entropy, predicted, 4)
    assert rule.mean[3] == pytest.approx(np.log(entropy).mean(), abs=1e-4)
    assert rule.spread[3] > 0


def test_images_that_nothing_changes_do_not_break_it():
    rule = StripRule.fit(np.zeros(300), np.zeros(300, np.int64), 2)
    assert np.isfinite(rule.score(np.array([0.0, 1.0]), np.array([0, 1]))).all()
    assert (rule.score(np.zeros(5), np.zeros(5, np.int64)) <= rule.threshold(0.01)).all()


def test_it_comes_back_from_json():
    rule = StripRule.fit(*clean(), 3)
    again = StripRule.from_json(json.loads(json.dumps(rule.to_json())))
    entropy, predicted = clean(1)
    np.testing.assert_array_equal(again.score(entropy, predicted), rule.score(entropy, predicted))
    assert again.threshold(0.01) == rule.threshold(0.01)


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"mean": [0], "spread": [0], "calibration": [1]},
        {"mean": [0], "spread": [1, 2], "calibration": [1]},
        {"mean": [0], "spread": [1], "calibration": [2, 1]},
        {"mean": ["much"], "spread": [1], "calibration": [1]},
    ],
)
def test_json_that_is_no_rule_is_refused(told):
    with pytest.raises(FeatureMismatch, match="fit"):
        StripRule.from_json(told)


def test_too_few_images_for_the_rate_are_refused():
    rule = StripRule.fit(*clean(n=50), 3)
    with pytest.raises(NotEnoughClean):
        rule.threshold(0.01)
    with pytest.raises(NotEnoughSamples, match="0 clean images"):
        StripRule.fit(np.empty(0), np.empty(0, np.int64), 3)


def test_entropies_and_classes_that_cannot_be_are_refused():
    entropy, predicted = clean()
    with pytest.raises(FeatureMismatch, match="predicted class 2 of 2"):
        StripRule.fit(entropy, predicted, 2)
    with pytest.raises(FeatureMismatch, match="expected"):
        StripRule.fit(entropy, predicted[:-1], 3)
    entropy[0] = np.nan
    with pytest.raises(NotFinite, match="check the images"):
        StripRule.fit(entropy, predicted, 3)
