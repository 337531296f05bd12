from dataclasses import replace

import numpy as np
import pytest

from detector.poisoned.spectral_signatures import SpectralSignatures, projections, separation
from tests.detector.poisoned.examples import clean_evidence, dirty_backdoor, untrusted


def test_the_score_is_the_squared_projection_on_the_top_singular_direction():
    features = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32) * np.arange(1, 9, dtype=np.float32)
    centred = features - features.mean(0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(projections(features) ** 2, (centred @ axes[0]) ** 2, rtol=1e-6, atol=1e-9)


def test_the_separation_of_known_distributions():
    grid = (np.arange(20000) + 0.5) / 20000
    cut, apart = separation(grid)
    assert (cut, apart) == (pytest.approx(0.5, abs=1e-3), pytest.approx(np.sqrt(12), rel=1e-3))  # Uniform.
    normal = np.random.default_rng(0).normal(size=100_000)
    # Halves of a normal distribution have means +-sqrt(2/pi) and variance 1 - 2/pi.
    assert separation(normal)[1] == pytest.approx(2 * np.sqrt(2 / np.pi) / np.sqrt(1 - 2 / np.pi), rel=0.02)


def test_two_clusters_are_cut_between():
    values = np.concatenate([np.linspace(-1, 1, 30), np.linspace(19, 21, 7)])
    cut, apart = separation(np.random.default_rng(0).permutation(values))
    assert 1 < cut < 19
    assert apart > 20


def test_equal_values_are_one_part():
    assert separation(np.full(30, 3.7))[1] == 0


def test_the_planted_part_is_found_and_nothing_else():
    evidence, is_poison = dirty_backdoor()
    for shown in (evidence, untrusted(evidence)):
        found = SpectralSignatures().find(shown)
        np.testing.assert_array_equal(found.flagged, is_poison)


def test_clean_data_stay_quiet():
    for seed in range(8):
        found = SpectralSignatures().find(untrusted(clean_evidence(seed)))
        assert not found.flagged.any()
        assert {facts["why"] for facts in found.facts["classes"]} == {"the projections are one part"}


@pytest.mark.parametrize(("expected", "multiplier"), [(0.05, 1.5), (0.1, 1.0), (0.33, 1.5)])
def test_by_share_every_class_loses_its_share_even_a_clean_one(expected, multiplier):
    evidence = untrusted(clean_evidence())
    finder = SpectralSignatures(mode="share", expected_share=expected, multiplier=multiplier)
    flagged = finder.find(evidence).flagged
    for k in range(3):
        assert flagged[evidence.labels == k].mean() == pytest.approx(expected * multiplier, abs=1 / 120)


def test_parts_of_much_the_same_size_accuse_neither():
    evidence, _ = dirty_backdoor(rate=0.32)
    found = SpectralSignatures().find(untrusted(evidence))
    assert found.facts["classes"][0]["why"] == "neither part is the smaller one"
    assert not found.flagged.any()


def test_a_part_that_trusted_samples_share_is_none_of_poison():
    evidence = clean_evidence()
    features = evidence.features.copy()
    features[evidence.labels == 1] += 9 * (np.arange(120) % 4 == 0)[:, None]
    evidence = replace(evidence, features=features)
    found = SpectralSignatures().find(evidence)
    assert found.facts["classes"][1]["why"] == "trusted samples lie in the smaller part"
    assert not found.flagged.any()
    assert SpectralSignatures().find(untrusted(evidence)).flagged.sum() == 30


def test_a_class_of_few_samples_is_let_be():
    found = SpectralSignatures(min_samples=400).find(dirty_backdoor()[0])
    assert not found.flagged.any()
    assert {facts["why"] for facts in found.facts["classes"]} == {"fewer than 400 samples"}


@pytest.mark.filterwarnings("ignore")  # The library's imports warn of their own.
def test_scores_a_class_as_art_does():
    spectral = pytest.importorskip("art.defences.detector.poison.spectral_signature_defense")
    features = np.random.default_rng(1).normal(size=(60, 9)) * np.arange(1, 10)
    # Theirs takes the direction of centred features, but projects what was not centred.
    features -= features.mean(0)
    theirs = spectral.SpectralSignatureDefense.spectral_signature_scores(features)
    # Theirs is the norm of the projection, ours its square.
    np.testing.assert_allclose(projections(features) ** 2, np.ravel(theirs) ** 2, rtol=1e-6)
