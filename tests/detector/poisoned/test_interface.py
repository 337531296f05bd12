from dataclasses import replace

import numpy as np
import pytest

from detector.errors import EvidenceMissing, FeatureMismatch, NotEnoughSamples, NotFinite
from detector.poisoned.interface import Evidence, Finder, Finding, clears, require_trusted
from detector.poisoned.spectral_signatures import SpectralSignatures
from tests.detector.poisoned.examples import K, clean_evidence

E = clean_evidence(n=30, n_trusted=9)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pixels": E.pixels[1:]}, r"pixels \(29, 12, 12, 1\) of uint8; expected \(30, H, W, C\)"),
        ({"pixels": E.pixels[..., 0]}, r"expected \(30, H, W, C\) uint8"),
        ({"pixels": E.pixels.astype(np.float32)}, "of float32; expected"),
        ({"labels": E.labels.astype(np.float64)}, r"labels \(30,\) of float64; expected \(n,\) whole numbers"),
        ({"labels": E.labels - 1}, "labels -1 to 1 of 3 classes; expected within 0 to 2"),
        ({"labels": E.labels + 1}, "labels 1 to 3 of 3 classes"),
        ({"n_classes": 1, "labels": E.labels * 0}, "at least two classes"),
        ({"trusted": E.trusted.astype(int)}, r"trusted \(30,\) of int64; expected \(30,\) bool"),
        ({"trusted": E.trusted[1:]}, r"trusted \(29,\) of bool; expected \(30,\)"),
        ({"features": E.features[1:]}, r"features \(29, 16\); expected one row for each of the 30"),
        ({"features": E.features[:, :0]}, r"features \(30, 0\); expected"),
        ({"probs": E.probs[:, :2]}, "probs of 2 classes; the labels have 3"),
        ({"probs": E.probs * 2}, "probs are no probabilities; .*apply softmax"),
        ({"reference_probs": E.probs - 0.5}, "reference_probs are no probabilities"),
    ],
)
def test_evidence_that_does_not_belong_together_is_refused(changed, message):
    with pytest.raises(FeatureMismatch, match=message):
        replace(E, **changed)


@pytest.mark.parametrize("name", ["features", "probs", "reference_probs"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_with_the_sample(name, value):
    rows = getattr(E, name).copy()
    rows[7, 1] = value
    with pytest.raises(NotFinite, match=f"{name} of sample 7 hold NaN or infinity"):
        replace(E, **{name: rows})


def test_no_sample_at_all_is_refused():
    nothing = np.zeros(0, np.int64)
    with pytest.raises(NotEnoughSamples, match="0 training samples"):
        Evidence(pixels=np.zeros((0, 8, 8, 1), np.uint8), labels=nothing, n_classes=2, trusted=nothing.astype(bool))


def test_optional_evidence_may_be_left_out():
    without = replace(E, features=None, probs=None, reference_probs=None)
    with pytest.raises(EvidenceMissing, match="spectral signatures: features not given; measure it first"):
        SpectralSignatures().find(without)


def test_a_trusted_subset_that_misses_a_class_is_refused_by_name():
    lacking = replace(E, trusted=E.trusted & (E.labels != 2))
    with pytest.raises(NotEnoughSamples, match="trusted subset misses a class: class 2 has 0; expected at least 1"):
        require_trusted(lacking)
    with pytest.raises(NotEnoughSamples, match="class 0 has 3, class 1 has 3, class 2 has 3; expected at least 20"):
        require_trusted(E, per_class=20)
    require_trusted(E, per_class=3)


def test_a_finding_that_is_not_whole_is_refused():
    with pytest.raises(FeatureMismatch, match=r"x: \(3,\) scores, \(2,\) flags"):
        Finding(finder="x", score=np.zeros(3), flagged=np.zeros(2, bool))
    with pytest.raises(NotFinite, match="x: a score is NaN"):
        Finding(finder="x", score=np.array([0.0, np.nan]), flagged=np.zeros(2, bool))


def test_members_are_the_rows_of_a_class():
    np.testing.assert_array_equal(E.members(1), np.arange(1, 30, K))


@pytest.mark.parametrize(
    ("n_inside", "n_trusted", "cleared"),
    [(0, 40, False), (1, 40, False), (2, 40, True), (2, 100, False), (5, 100, True), (0, 0, False)],
)
def test_a_group_with_its_share_of_the_trusted_is_cleared(n_inside, n_trusted, cleared):
    # A fifth of the pool: 40 trusted let expect 8 in it, 100 let expect 20.
    pool, group = np.arange(200), np.arange(40)
    trusted = np.zeros(200, bool)
    trusted[:n_inside] = True
    trusted[40 : 40 + n_trusted - n_inside] = True
    assert clears(group, pool, trusted) is cleared


class Everybody(Finder):
    NAME = "everybody"
    SOURCE = "this test"

    def _find(self, evidence):
        return Finding(finder=self.NAME, score=np.ones(evidence.n), flagged=np.ones(evidence.n, bool))


def test_trusted_samples_are_cleared_whatever_a_finder_says():
    np.testing.assert_array_equal(Everybody().find(E).flagged, ~E.trusted)
