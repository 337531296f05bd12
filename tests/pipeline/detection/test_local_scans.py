from dataclasses import replace

import numpy as np
import pytest

from detector.conformal import OFFERED_ALPHAS, n_needed
from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import lineage, trained_from
from pipeline.detection.local_scans import FEWEST, local_scans, offered_rates
from pipeline.detection.rates import checked_alpha
from pipeline.errors import BadCalibration, BadDetector, NotEnoughClean


@pytest.fixture
def origin(tiny_chain):
    return lineage(tiny_chain.root, tiny_chain.detector.id)


@pytest.fixture
def stranger(tiny_chain):
    """The chain's pictures as a data set of another place that the models never saw."""

    def item(index, one):
        return replace(one, split="train", group=index, pixels_sha256=f"{index:064x}")

    items = tuple(item(index, one) for index, one in enumerate(tiny_chain.dataset.items))
    return replace(tiny_chain.dataset, id="elsewhere", name="elsewhere", items=items)


def changed(dataset, indices, **fields):
    """The data set with some fields of some items changed."""
    return replace(
        dataset,
        items=tuple(replace(one, **fields) if index in indices else one for index, one in enumerate(dataset.items)),
    )


def test_a_detector_knows_what_it_was_trained_and_calibrated_on(tiny_chain, origin):
    assert origin.adversarial_id == tiny_chain.adversarial_set.id
    assert origin.dataset_id == tiny_chain.dataset.id
    assert origin.classifier_dataset_ids == (tiny_chain.dataset.id,)
    assert origin.calibrated_on == (tiny_chain.dataset.id, ("calibration",))
    assert origin.n_calibration == len(tiny_chain.detector.calibration)


@pytest.mark.parametrize(("parents", "notes"), [((), {}), (("a", "b"), {}), (("a", "b", "c"), {"trained_from": 3})])
def test_a_detector_that_does_not_say_what_it_was_trained_with_is_refused(parents, notes):
    with pytest.raises(BadDetector, match="names the adversarial set, data set and classifier"):
        trained_from(parents, notes)


@pytest.mark.parametrize("content", ["{", '{"format": 2}', "[]"])
def test_a_garbled_description_is_refused(tmp_path, content):
    folder = DataRoot(tmp_path).detectors / "abc"
    folder.mkdir()
    (folder / "detector.json").write_text(content)
    with pytest.raises(BadDetector, match=r"train the detector again|make it again"):
        lineage(DataRoot(tmp_path), "abc")


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        ("train", "train: the classifier learns from it"),
        ("val", "val: the classifier's epoch is chosen on it"),
        ("detector", "detector: the detector learns from it"),
        ("test", "test: reports are measured on it"),
        ("dropped", "dropped: its scans are copies of others"),
    ],
)
def test_what_made_the_detector_cannot_calibrate_it(tiny_chain, origin, split, reason):
    with pytest.raises(BadCalibration, match=rf"\({reason}\); use its split calibration"):
        local_scans(tiny_chain.root, origin, tiny_chain.dataset, (split, "calibration"))


def test_all_of_its_own_data_set_cannot_calibrate_it(tiny_chain, origin):
    with pytest.raises(BadCalibration, match=r"\(train: .*; val: .*; detector: .*; test: "):
        local_scans(tiny_chain.root, origin, tiny_chain.dataset)


def test_its_own_calibration_split_and_another_data_set_can(tiny_chain, origin, stranger):
    own = local_scans(tiny_chain.root, origin, tiny_chain.dataset, ("calibration",))
    assert own.n + own.n_look_alikes == len(tiny_chain.dataset.indices("calibration"))
    other = local_scans(tiny_chain.root, origin, stranger)
    assert (other.n, other.n_images, other.left_out) == (len(stranger), len(stranger), "")


def test_an_unknown_split_is_refused(tiny_chain, origin, stranger):
    for split in ("nowhere", "dropped"):
        with pytest.raises(BadCalibration, match=rf"elsewhere: no split {split}; use train, val"):
            local_scans(tiny_chain.root, origin, stranger, (split,))
    with pytest.raises(BadCalibration, match=r"elsewhere \(test\): no scans there"):
        local_scans(tiny_chain.root, origin, stranger, ("test",))


def test_a_learned_picture_is_found_in_another_data_set_and_left_out_with_its_look_alikes(tiny_chain, origin, stranger):
    learned = tiny_chain.dataset.items[int(tiny_chain.dataset.indices("detector")[0])].pixels_sha256
    twin = changed(changed(stranger, {3}, pixels_sha256=learned), {4}, group=3)
    found = local_scans(tiny_chain.root, origin, twin)
    assert found.n_reserved == 2
    assert not {3, 4} & set(found.items.tolist())
    assert found.left_out == "2 that the models learned from or are judged on"


def test_a_copy_of_the_whole_data_set_is_no_new_one(tiny_chain, origin):
    copy = replace(tiny_chain.dataset, id="copy", name="copy")
    found = local_scans(tiny_chain.root, origin, copy)
    assert set(found.items.tolist()) <= set(tiny_chain.dataset.indices("calibration").tolist())
    with pytest.raises(BadCalibration, match=r"copy \(detector\): the detector or its classifier learned from every"):
        local_scans(tiny_chain.root, origin, copy, ("detector",))


def test_a_data_set_that_is_gone_is_told(tiny_chain, origin, stranger, tmp_path):
    assert local_scans(DataRoot(tmp_path), origin, stranger).unchecked == (tiny_chain.dataset.id,)
    assert local_scans(tiny_chain.root, origin, stranger).unchecked == ()


def test_look_alikes_count_once_whatever_their_order(tiny_chain, origin, stranger):
    alike = changed(stranger, {10, 11, 12}, group=10)
    alike = changed(alike, {11}, pixels_sha256="0" * 64)
    found = local_scans(tiny_chain.root, origin, alike)
    assert found.n_look_alikes == 2
    assert set(found.items.tolist()) & {10, 11, 12} == {11}
    assert len(np.unique(alike.groups[found.items])) == found.n


def test_scans_that_the_gate_would_not_screen_do_not_calibrate(tiny_chain, origin, stranger):
    # The classifier sees 32 x 32: one of 16 is screened, one of 15 is not.
    mixed = changed(changed(stranger, {0}, shape=(16, 16, 1)), {1, 2}, shape=(40, 15, 1))
    found = local_scans(tiny_chain.root, origin, mixed)
    assert found.n_too_small == 2
    assert found.items.tolist()[:2] == [0, 3]
    small = changed(stranger, range(len(stranger)), shape=(15, 40, 1))
    with pytest.raises(BadCalibration, match=r"every scan is smaller than half of the 32 x 32 pixels"):
        local_scans(tiny_chain.root, origin, small)


def test_fewer_than_any_rate_needs_are_refused(tiny_chain, origin, stranger):
    few = changed(stranger, range(FEWEST - 1), split="test")
    few = changed(few, {0, 1}, group=0)
    with pytest.raises(NotEnoughClean, match=r"13 of 14 scans can calibrate \(left out: 1 look-alikes .*15 support"):
        local_scans(tiny_chain.root, origin, few, ("test",))
    enough = changed(stranger, range(FEWEST), split="test")
    assert local_scans(tiny_chain.root, origin, enough, ("test",)).n == FEWEST == n_needed(OFFERED_ALPHAS[-1])


def test_every_offer_says_its_band_or_what_it_needs():
    offers = {offer.alpha: offer for offer in offered_rates(250)}
    assert [alpha for alpha, offer in offers.items() if offer.supported] == [0.02, 0.05, 0.1, 0.2]
    assert offers[0.01].n_needed == 300
    assert offers[0.02].band[0] < 0.02 < offers[0.02].band[1]


def test_a_rate_that_the_scans_cannot_support_is_refused():
    assert checked_alpha(250, None) == checked_alpha(250, 0.02) == 0.02
    with pytest.raises(NotEnoughClean, match=r"250 clean .* cannot support .* 0.01 .*choose 0.02 .2 %. or more.*300"):
        checked_alpha(250, 0.01)
    with pytest.raises(NotEnoughClean, match="expected within"):
        checked_alpha(250, float("nan"))
