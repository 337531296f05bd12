from dataclasses import replace

import numpy as np
import pytest

from detector.poisoned.confident_labels import ConfidentLabels
from detector.poisoned.doubted_labels import doubts
from detector.poisoned.fused import Fused
from detector.poisoned.trusted_reference import TrustedReference
from tests.detector.poisoned.examples import believed, clean_evidence, flipped

N = 1800


def look_alike(seed=0, *, share=0.1, n=N):
    """Honest data of three classes, of which every tenth sample of the first is taken for the second by all models."""
    clean = clean_evidence(seed, n, n_trusted=300)
    rng = np.random.default_rng(seed + 3000)
    mistaken = (clean.labels == 0) & (rng.random(n) < share)
    seen = np.where(mistaken, 1, clean.labels)
    return replace(clean, probs=believed(seen, rng), reference_probs=believed(seen, rng))


def with_flips(evidence, *, given=1, source=2, rate=0.3, seed=0):
    """The same with part of a class labelled as another, and which; the models see what they are."""
    pool = np.flatnonzero((evidence.labels == source) & ~evidence.trusted)
    chosen = np.random.default_rng(seed).choice(pool, round(rate * len(pool)), replace=False)
    labels = evidence.labels.copy()
    labels[chosen] = given
    return replace(evidence, labels=labels), np.isin(np.arange(evidence.n), chosen)


def told(evidence):
    return doubts(evidence, ConfidentLabels().find(evidence), TrustedReference().find(evidence))


def flagged(found):
    return np.logical_or.reduce(list(found.reasons.values()))


@pytest.mark.parametrize("seed", range(5))
def test_classes_that_look_alike_are_no_poison(seed):
    evidence = look_alike(seed)
    found = told(evidence)
    assert not found.pairs.any()
    assert Fused().find(evidence).flagged.mean() <= 0.015


@pytest.mark.parametrize("seed", range(5))
def test_flips_beside_look_alikes_are_found_without_these(seed):
    evidence, is_flipped = with_flips(look_alike(seed), seed=seed)
    found = told(evidence)
    assert np.argwhere(found.pairs).tolist() == [[1, 2]]
    assert flagged(found)[is_flipped].mean() >= 0.95
    assert flagged(found)[~is_flipped].mean() <= 0.01
    assert (found.believed[is_flipped] == 2).mean() >= 0.95


def test_without_anybody_who_vouches_look_alikes_cannot_be_told_from_flips():
    evidence = look_alike()
    nobody = replace(evidence, trusted=np.zeros(N, bool), reference_probs=None)
    assert np.argwhere(doubts(nobody, ConfidentLabels().find(nobody), None).pairs).tolist() == [[0, 1]]


def test_where_nothing_is_more_than_usual_the_firmest_doubts_are_told():
    evidence = look_alike()
    mask = flagged(told(evidence))
    assert 0 < mask.sum() <= 0.015 * N
    probs = evidence.probs.astype(np.float64)
    own = probs[np.arange(N), evidence.labels]
    doubted = (probs.argmax(1) != evidence.labels) & ~evidence.trusted
    assert own[mask].max() < np.quantile(own[doubted], 0.75)


def test_scattered_flips_that_are_more_than_the_trusted_let_expect_are_all_told():
    clean = look_alike(share=0.0)
    rng = np.random.default_rng(0)
    chosen = rng.choice(np.flatnonzero(~clean.trusted), 150, replace=False)
    labels = clean.labels.copy()
    labels[chosen] = (labels[chosen] + rng.integers(1, 3, 150)) % 3
    found = told(replace(clean, labels=labels))
    assert not found.pairs.any()
    assert flagged(found)[chosen].mean() >= 0.9


def test_whoever_is_right_of_more_trusted_samples_is_believed():
    evidence, is_flipped = flipped(rate=0.2)
    rng = np.random.default_rng(0)
    blind = believed(rng.integers(0, 3, evidence.n), rng)
    by_folds = told(replace(evidence, reference_probs=blind)).believed
    by_reference = told(replace(evidence, probs=blind)).believed
    for found in (by_folds, by_reference):
        assert (found[is_flipped] == 1).mean() >= 0.9


def test_without_any_opinion_there_is_no_doubt():
    evidence = clean_evidence()
    found = doubts(evidence, None, None)
    assert (found.believed, found.reasons, found.pairs.any()) == (None, {}, False)


def test_the_pairs_are_told_with_the_facts():
    evidence, _ = with_flips(look_alike())
    assert Fused().find(evidence).facts["repeated_pairs"] == [{"given": 1, "believed": 2}]
