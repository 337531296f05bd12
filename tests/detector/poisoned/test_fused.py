from dataclasses import replace

import numpy as np
import pytest

from detector.poisoned.confident_labels import ConfidentLabels
from detector.poisoned.fused import Fused
from tests.detector.poisoned.examples import believed, clean_evidence, dirty_backdoor, flipped, untrusted
from tests.detector.poisoned.test_confident_labels import mixed_up


def rates(evidence, is_poison):
    flagged = Fused().find(evidence).flagged
    return flagged[is_poison].mean(), flagged[~is_poison].mean()


def reasons(evidence):
    return Fused().find(evidence).facts["n_flagged_by_reason"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("make", "rate"), [(dirty_backdoor, 0.05), (dirty_backdoor, 0.1), (flipped, 0.2)])
def test_backdoors_and_flips_are_found_at_one_clean_sample_in_a_hundred(make, rate, seed):
    tpr, fpr = rates(*make(seed, rate=rate))
    assert tpr >= 0.95
    assert fpr <= 0.01


@pytest.mark.parametrize("seed", range(3))
def test_backdoors_are_found_without_a_trusted_sample(seed):
    evidence, is_poison = dirty_backdoor(seed)
    tpr, fpr = rates(untrusted(evidence), is_poison)
    assert tpr == 1
    assert fpr <= 0.01


def test_clean_data_stay_quiet_with_and_without_trusted_samples():
    clean = [clean_evidence(seed, 600) for seed in range(4)]
    shares = [Fused().find(shown).flagged.mean() for shown in clean + [untrusted(one) for one in clean]]
    assert np.mean(shares) <= 0.005
    assert max(shares) <= 0.01


def test_what_is_left_out_is_told():
    evidence = clean_evidence()
    bare = replace(untrusted(evidence), features=None, probs=None)
    facts = Fused().find(bare).facts
    assert facts["left_out"] == {
        "clustering": "features not given",
        "spectra": "features not given",
        "reference": "no trusted samples",
        "labels": "probs not given",
    }
    assert list(facts["finders"]) == ["patch"]
    assert Fused().find(bare).suggested is None
    lacking = replace(evidence, reference_probs=None)
    assert Fused().find(lacking).facts["left_out"] == {"reference": "reference_probs not given"}


def test_pixels_alone_give_away_a_stamp():
    evidence, is_poison = dirty_backdoor()
    bare = replace(untrusted(evidence), features=None, probs=None)
    np.testing.assert_array_equal(Fused().find(bare).flagged, is_poison)


def test_a_trigger_that_is_no_patch_and_forms_no_cluster_is_found_by_its_class():
    evidence, is_poison = dirty_backdoor(rate=0.08)
    clean = clean_evidence()
    invisible = replace(evidence, pixels=clean.pixels, features=None)
    found = Fused().find(invisible)
    assert found.flagged[is_poison].mean() >= 0.95
    counts = reasons(invisible)
    assert counts["stamp"] == counts["group"] == 0
    assert counts["class"] >= 0.95 * is_poison.sum()
    assert not reasons(clean)["class"]


def test_a_cluster_alone_accuses_nobody_without_a_second_word():
    # A writing style: clustering and spectra part it, the reference believes its labels, and few are trusted.
    clean = clean_evidence(n_trusted=30)
    features = clean.features.copy()
    style = (clean.labels == 1) & ~clean.trusted & (np.arange(360) % 4 == 0)
    features[style] += 9
    parted = replace(clean, features=features)
    only_clustering = replace(Fused().spectra, min_samples=10_000)
    assert not Fused(spectra=only_clustering).find(parted).flagged[style].any()
    assert Fused().find(parted).flagged[style].all()


@pytest.mark.parametrize("seed", range(2))
def test_of_classes_mixed_up_by_half_the_reference_decides(seed):
    evidence, is_flipped = mixed_up(0.5, seed=seed)
    rng = np.random.default_rng(seed)
    # Features of mixed-up classes lie together; nothing is to be had from them.
    evidence = replace(
        evidence,
        features=None,
        reference_probs=believed(np.where(is_flipped, 1, evidence.labels), rng, sure=6.0),
    )
    alone = ConfidentLabels().find(evidence).flagged
    flagged = Fused().find(evidence).flagged
    assert reasons(evidence)["pair"] >= 0.99 * is_flipped.sum()
    assert alone[is_flipped].mean() < 0.8
    assert flagged[is_flipped].mean() >= 0.99
    assert flagged[~is_flipped].mean() <= 0.01


def test_flips_are_given_back_their_class():
    evidence, is_flipped = flipped()
    found = Fused().find(evidence)
    assert (found.suggested[is_flipped] == 1).mean() >= 0.95


def test_a_group_of_flips_gets_one_class_back_though_the_reference_mistakes_some():
    evidence, is_flipped = flipped(rate=0.4)
    mistaken = np.flatnonzero(is_flipped)[::4]
    probs = evidence.reference_probs.copy()
    probs[mistaken] = np.eye(3, dtype=np.float32)[0]
    found = Fused().find(replace(evidence, reference_probs=probs))
    assert found.flagged[is_flipped].all()
    assert (found.suggested[is_flipped] == 1).all()


def test_a_group_from_many_classes_is_given_back_one_by_one():
    evidence, is_poison = dirty_backdoor(rate=0.2)
    shown = is_poison & (np.cumsum(is_poison) % 2 == 0)
    probs = believed(np.where(shown, 1, 2), np.random.default_rng(0), sure=9.0)
    found = Fused().find(
        replace(evidence, reference_probs=np.where(is_poison[:, None], probs, evidence.reference_probs))
    )
    assert reasons(evidence)["group"] >= is_poison.sum()
    np.testing.assert_array_equal(found.suggested[is_poison], np.where(shown, 1, 2)[is_poison])


def test_the_flagged_come_first_and_each_reason_is_counted():
    evidence, is_poison = dirty_backdoor()
    found = Fused().find(evidence)
    assert found.score[found.flagged].min() > found.score[~found.flagged & ~evidence.trusted].max()
    counts = found.facts["n_flagged_by_reason"]
    assert set(counts) == {"stamp", "group", "class", "labels", "pair"}
    assert counts["stamp"] == is_poison.sum()


def test_scattered_mistakes_are_left_alone_where_a_pair_of_classes_stands_out():
    evidence, is_poison = flipped(0, 900, rate=0.2)
    rng = np.random.default_rng(1)
    honest = rng.choice(np.flatnonzero(~is_poison & ~evidence.trusted), 4, replace=False)
    labels = evidence.labels.copy()
    labels[honest] = (labels[honest] + rng.integers(1, evidence.n_classes, 4)) % evidence.n_classes
    mistaken = replace(evidence, labels=labels)
    flagged = Fused().find(mistaken).flagged
    assert flagged[is_poison].mean() >= 0.95
    found_alone = Fused().labels.find(mistaken).flagged[honest]
    assert found_alone.any()
    assert flagged[honest].sum() <= 1
