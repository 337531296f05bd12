from dataclasses import replace

import numpy as np
import pytest

from detector.poisoned.activation_clustering import ActivationClustering, in_two, reduced
from tests.detector.poisoned.examples import clean_evidence, dirty_backdoor, untrusted


def planted(n=200, share=0.2, apart=8.0, d=6, seed=0):
    rng = np.random.default_rng(seed)
    is_odd = np.arange(n) < share * n
    points = rng.normal(size=(n, d))
    points[is_odd, 2] += apart
    return points, is_odd


def of_class(evidence, found, k):
    return next(facts for facts in found.facts["classes"] if facts["class"] == k)


def test_reduction_to_all_axes_keeps_every_distance():
    points = np.random.default_rng(0).normal(size=(30, 5))
    straight = np.linalg.norm(points[:, None] - points, axis=2)
    moved = reduced(points, 10)
    np.testing.assert_allclose(np.linalg.norm(moved[:, None] - moved, axis=2), straight, atol=1e-9)
    assert reduced(points, 2).shape == (30, 2)


def test_reduction_keeps_the_variance_of_the_top_singular_directions():
    points = np.random.default_rng(0).normal(size=(40, 7)) * np.arange(1, 8)
    values = np.linalg.svd(points - points.mean(0), compute_uv=False)
    np.testing.assert_allclose((reduced(points, 3) ** 2).sum(0), values[:3] ** 2, rtol=1e-9)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_the_smaller_of_two_clusters_is_the_planted_one(share):
    points, is_odd = planted(share=share)
    np.testing.assert_array_equal(in_two(reduced(points, 10)), is_odd)


def test_points_without_extent_are_not_parted():
    assert not in_two(reduced(np.ones((30, 4)), 10)).any()


def test_the_planted_cluster_is_found_and_nothing_else():
    evidence, is_poison = dirty_backdoor()
    for shown in (evidence, untrusted(evidence)):
        found = ActivationClustering().find(shown)
        np.testing.assert_array_equal(found.flagged, is_poison)
        assert found.score[is_poison].min() > found.score[~is_poison].max()


def test_clean_data_stay_quiet():
    for seed in range(5):
        evidence = untrusted(clean_evidence(seed))
        found = ActivationClustering().find(evidence)
        assert not found.flagged.any()
        assert {facts["why"] for facts in found.facts["classes"]} == {"no two clusters"}


def test_clusters_of_much_the_same_size_accuse_neither():
    evidence, _ = dirty_backdoor(rate=0.3)
    facts = of_class(evidence, found := ActivationClustering().find(untrusted(evidence)), 0)
    assert facts["silhouette"] > 0.3
    assert facts["why"] == "neither cluster is the smaller one"
    assert not found.flagged.any()


def test_a_writing_style_that_trusted_samples_share_is_none_of_poison():
    evidence = clean_evidence()
    features = evidence.features.copy()
    features[evidence.labels == 1] += 9 * (np.arange(120) % 4 == 0)[:, None]
    evidence = replace(evidence, features=features)
    found = ActivationClustering().find(evidence)
    assert of_class(evidence, found, 1)["why"] == "trusted samples lie in the smaller cluster"
    assert not found.flagged.any()
    assert ActivationClustering().find(untrusted(evidence)).flagged.sum() == 30


def test_a_class_of_few_samples_is_let_be():
    evidence, _ = dirty_backdoor()
    found = ActivationClustering(min_samples=400).find(evidence)
    assert not found.flagged.any()
    assert {facts["why"] for facts in found.facts["classes"]} == {"fewer than 400 samples"}


def test_activations_that_are_all_the_same_are_let_be():
    evidence = clean_evidence()
    found = ActivationClustering().find(replace(evidence, features=np.ones_like(evidence.features)))
    assert not found.flagged.any()
    assert {facts["why"] for facts in found.facts["classes"]} == {"all activations are the same"}


@pytest.mark.filterwarnings("ignore")  # The library's imports warn of their own.
def test_parts_a_class_as_art_does():
    activation_defence = pytest.importorskip("art.defences.detector.poison.activation_defence")
    points, _ = planted(n=150, d=20)
    (theirs,), _ = activation_defence.cluster_activations([points], nb_dims=10, reduce="PCA")
    ours = in_two(reduced(points, 10))
    assert (ours == (theirs == 1)).all() or (ours == (theirs == 0)).all()
