from dataclasses import replace

import numpy as np
import pytest

from detector.errors import NotEnoughSamples
from detector.poisoned.confident_labels import ConfidentLabels
from tests.detector.poisoned.examples import K, clean_evidence, dirty_backdoor, flipped, softmax


def mixed_up(rate, n=900, seed=0):
    """A class of which a share is labelled 2 instead of 1, as models of other folds see it: they believe the rate."""
    evidence, is_flipped = flipped(seed, n, rate=rate)
    rng = np.random.default_rng(seed)
    logits = 5.0 * np.eye(K)[np.where(is_flipped, 1, evidence.labels)] + 0.5 * rng.normal(size=(n, K))
    was_one = is_flipped | (evidence.labels == 1)
    # Log-odds of the two labels, which the folds' models saw in that proportion, and as firm as overfitted models are.
    logits[was_one, 2] = logits[was_one, 1] + 2 * np.log(rate / (1 - rate)) + 3 * rng.normal(size=was_one.sum())
    return replace(evidence, probs=softmax(logits)), is_flipped


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_flips_are_found_and_the_true_class_named(rate):
    evidence, is_flipped = flipped(rate=rate, n=900)
    # Firm models: a fold's errors are no part of what is tested here.
    probs = softmax(8 * np.eye(K)[np.where(is_flipped, 1, evidence.labels)])
    found = ConfidentLabels().find(replace(evidence, probs=probs))
    np.testing.assert_array_equal(found.flagged, is_flipped)
    assert (found.suggested[is_flipped] == 1).all()
    assert found.score[is_flipped].min() > found.score[~is_flipped].max()
    noisiest = found.facts["pairs"][0]
    assert (noisiest["given"], noisiest["suggested"]) == (2, 1)
    assert noisiest["share_of_true"] == pytest.approx(is_flipped.sum() / 300, abs=0.01)


def test_the_score_is_one_less_the_probability_of_the_label():
    evidence = clean_evidence()
    given = evidence.probs[np.arange(evidence.n), evidence.labels]
    np.testing.assert_allclose(ConfidentLabels().find(evidence).score, 1 - given, atol=1e-6)


@pytest.mark.parametrize("filter_by", ["prune_by_noise_rate", "both", "confident_learning"])
def test_flags_what_the_library_does_but_for_the_trusted(filter_by):
    from cleanlab.filter import find_label_issues

    evidence, _ = flipped()
    theirs = find_label_issues(evidence.labels, evidence.probs.astype(np.float64), filter_by=filter_by, n_jobs=1)
    ours = ConfidentLabels(filter_by=filter_by).find(evidence).flagged
    np.testing.assert_array_equal(ours, theirs & ~evidence.trusted)
    assert ours.any()


def test_clean_data_stay_quiet():
    for seed in range(8):
        found = ConfidentLabels().find(clean_evidence(seed))
        assert found.flagged.mean() <= 0.01
        assert found.facts["not_identifiable"] == []


@pytest.mark.parametrize(("rate", "named"), [(0.1, False), (0.2, False), (0.5, True)])
def test_classes_that_are_mixed_up_by_half_are_named_as_not_identifiable(rate, named):
    evidence, _ = mixed_up(rate)
    pairs = ConfidentLabels().find(evidence).facts["not_identifiable"]
    assert any({pair["given"], pair["suggested"]} == {1, 2} for pair in pairs) is named


def test_a_backdoor_that_the_folds_learned_too_is_not_seen():
    evidence, is_poison = dirty_backdoor()
    assert ConfidentLabels().find(evidence).flagged[is_poison].mean() <= 0.05


def test_one_class_alone_is_refused():
    evidence = clean_evidence()
    with pytest.raises(NotEnoughSamples, match="all samples are labelled 1; expected at least two classes"):
        ConfidentLabels().find(replace(evidence, labels=np.ones_like(evidence.labels)))
