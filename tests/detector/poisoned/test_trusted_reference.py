from dataclasses import replace

import numpy as np
import pytest

from detector.errors import NotEnoughSamples
from detector.poisoned.trusted_reference import TrustedReference, contradiction
from tests.detector.poisoned.examples import K, believed, clean_evidence, dirty_backdoor, flipped, strokes, untrusted


def test_the_score_is_the_log_odds_of_the_best_other_class():
    probs = np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.0, 0.0, 1.0]], np.float32)
    odds = contradiction(probs, np.array([0, 1, 0]))
    np.testing.assert_allclose(odds, [np.log(0.2 / 0.7), np.log(0.7 / 0.2), np.log(1e7)], rtol=1e-5)


@pytest.mark.parametrize("make", [dirty_backdoor, flipped])
def test_poison_is_found_and_its_true_class_named(make):
    evidence, is_poison = make()
    found = TrustedReference().find(evidence)
    assert found.flagged[is_poison].mean() >= 0.95
    assert found.flagged[~is_poison].mean() <= 0.02
    true = make.__name__ == "flipped" and 1
    if true:
        assert (found.suggested[is_poison] == true).mean() >= 0.95


def test_the_best_trusted_share_alpha_is_above_the_threshold():
    evidence = replace(clean_evidence(n=600, n_trusted=399), reference_probs=None)
    rng = np.random.default_rng(0)
    evidence = replace(evidence, reference_probs=believed(evidence.labels, rng, sure=1.0))
    found = TrustedReference(alpha=0.05).find(evidence)
    assert (found.score[evidence.trusted] > found.facts["threshold"]).sum() == 19  # The 20th of 400 is the threshold.


def test_false_alarms_average_to_the_budget():
    rates = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = np.arange(900) % K
        evidence = replace(clean_evidence(n=900, n_trusted=300), reference_probs=believed(labels, rng, sure=1.0))
        rates.append(TrustedReference(alpha=0.05).find(evidence).flagged[300:].mean())
    assert np.mean(rates) == pytest.approx(15 / 301, abs=0.006)


def test_clean_data_stay_quiet():
    for seed in range(5):
        assert TrustedReference().find(clean_evidence(seed, 600, n_trusted=300)).flagged.mean() <= 0.02


def test_the_facts_say_what_so_many_trusted_samples_support():
    few = TrustedReference().find(clean_evidence(n_trusted=30)).facts
    assert (few["n_trusted"], few["alpha_asked"], few["supported"]) == (30, 0.01, False)
    assert few["alpha"] == pytest.approx(1 / 31)
    many = TrustedReference().find(clean_evidence(n=600, n_trusted=300)).facts
    assert (many["alpha"], many["supported"]) == (0.01, True)
    low, high = many["false_alarms_95"]
    assert 0 < low < 0.01 < high


def test_where_the_reference_believes_the_label_nothing_is_flagged():
    labels = np.arange(300) % K
    sure = np.eye(K, dtype=np.float32)[labels] * 0.9 + 0.1 / K
    # All trusted are believed still more, so that the ranks alone would flag every other sample.
    sure[:150] = np.eye(K, dtype=np.float32)[labels[:150]]
    evidence = replace(
        clean_evidence(n=300, n_trusted=150),
        pixels=strokes(labels, np.random.default_rng(0)),
        reference_probs=sure,
    )
    assert not TrustedReference().find(evidence).flagged.any()


def test_a_trusted_subset_that_misses_a_class_is_refused():
    evidence = clean_evidence()
    with pytest.raises(NotEnoughSamples, match="trusted subset misses a class: class 1 has 0"):
        TrustedReference().find(replace(evidence, trusted=evidence.trusted & (evidence.labels != 1)))
    none = replace(untrusted(evidence), reference_probs=evidence.reference_probs)
    with pytest.raises(NotEnoughSamples, match="class 0 has 0, class 1 has 0, class 2 has 0"):
        TrustedReference().find(none)
