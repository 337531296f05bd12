"""Figures are of scans that the models never learned from."""

from dataclasses import replace

import pytest

from datasets.splits import DROPPED
from pipeline.detection.lineage import lineage
from pipeline.detection.unseen import require_unseen
from pipeline.errors import BadDetector


@pytest.fixture
def origin(tiny_chain):
    return lineage(tiny_chain.root, tiny_chain.detector.id)


def elsewhere(dataset, split):
    """The same pictures of one split as the test scans of another data set."""
    items = [replace(one, split="test" if one.split == split else "train") for one in dataset.items]
    return replace(dataset, id="elsewhere", name="elsewhere", items=tuple(items))


def test_the_test_split_is_new_to_them(tiny_chain, origin):
    require_unseen(tiny_chain.root, origin, tiny_chain.dataset, "test")


@pytest.mark.parametrize(
    ("split", "why"),
    [
        ("train", "the classifier learns from it"),
        ("val", "the classifier's epoch is chosen on it"),
        ("detector", "the detector learns from it"),
        ("calibration", "its threshold is set on it"),
        (DROPPED, "its scans are copies of others"),
    ],
)
def test_a_split_that_they_know_is_refused_with_the_reason(tiny_chain, origin, split, why):
    with pytest.raises(BadDetector, match=f"split {split}: {why}.*give the split test"):
        require_unseen(tiny_chain.root, origin, tiny_chain.dataset, split)


@pytest.mark.parametrize("split", ["train", "detector", "calibration"])
def test_scans_that_they_know_are_found_in_another_data_set(tiny_chain, origin, split):
    again = elsewhere(tiny_chain.dataset, split)
    n = len(again.indices("test"))
    with pytest.raises(BadDetector, match=f"elsewhere, split test: {n} of {n} scans are ones that .* learned from"):
        require_unseen(tiny_chain.root, origin, again, "test")


def test_test_scans_of_theirs_may_be_judged_in_another_data_set(tiny_chain, origin):
    require_unseen(tiny_chain.root, origin, elsewhere(tiny_chain.dataset, "test"), "test")


def test_after_a_recalibration_the_scans_of_its_threshold_are_known(tiny_chain, origin):
    recalibrated = replace(origin, calibrated_on=("elsewhere", ("test",)))
    with pytest.raises(BadDetector, match="its threshold is set on it"):
        require_unseen(tiny_chain.root, recalibrated, elsewhere(tiny_chain.dataset, "test"), "test")
    require_unseen(tiny_chain.root, recalibrated, tiny_chain.dataset, "calibration")


def test_a_data_set_that_is_gone_hides_nothing_of_the_others(tiny_chain, origin):
    # Sets have no order: whichever of those that are gone comes first, the one that is there is looked at.
    gone = tuple(f"gone{k}" for k in range(8))
    lacking = replace(origin, classifier_dataset_ids=(*gone, *origin.classifier_dataset_ids))
    with pytest.raises(BadDetector, match="scans are ones that"):
        require_unseen(tiny_chain.root, lacking, elsewhere(tiny_chain.dataset, "train"), "test")
    nowhere = replace(lacking, dataset_id="gone8", classifier_dataset_ids=gone, calibrated_on=("gone8", ("test",)))
    require_unseen(tiny_chain.root, nowhere, elsewhere(tiny_chain.dataset, "train"), "test")
