from dataclasses import replace

import numpy as np
import pytest

from detector.poisoned.patch_scan import PatchScan
from tests.detector.poisoned.examples import clean_evidence, dirty_backdoor, untrusted


def stamped(pattern, row, column, *, n=40, label=0, keep_labels=False, seed=0, n_samples=360):
    """`clean_evidence` with a pattern on n samples of other classes, relabelled, or on those of the class itself."""
    clean = untrusted(clean_evidence(seed, n_samples))
    pool = np.flatnonzero((clean.labels == label) if keep_labels else (clean.labels != label))
    is_poison = np.zeros(clean.n, bool)
    is_poison[np.random.default_rng(seed).choice(pool, n, replace=False)] = True
    pixels = clean.pixels.copy()
    height, width = np.shape(pattern)
    pixels[is_poison, row : row + height, column : column + width, 0] = pattern
    return replace(clean, pixels=pixels, labels=np.where(is_poison, label, clean.labels)), is_poison


def place(hit):
    return hit["row"], hit["column"], hit["height"], hit["width"]


@pytest.mark.parametrize("keep_labels", [False, True])
@pytest.mark.parametrize("level", [255, 120])
def test_a_stamp_in_the_corner_is_found_whole_and_nothing_else(level, keep_labels):
    evidence, is_poison = stamped(np.full((2, 2), level), 10, 10, keep_labels=keep_labels)
    found = PatchScan().find(evidence)
    np.testing.assert_array_equal(found.flagged, is_poison)
    (hit,) = found.facts["hits"]
    assert place(hit) == (10, 10, 2, 2)
    assert (hit["class"], hit["n_in_class"], hit["n_elsewhere"]) == (0, 40, 0)
    assert hit["levels"] == [[level]] * 4
    np.testing.assert_allclose(found.score[is_poison], -hit["log10_p"])
    assert not found.score[~is_poison].any()


@pytest.mark.parametrize(("side", "row"), [(3, 0), (4, 8), (5, 0)])
def test_larger_stamps_are_grown_to_their_extent(side, row):
    evidence, is_poison = stamped(np.full((side, side), 200), row, 12 - side)
    found = PatchScan().find(evidence)
    np.testing.assert_array_equal(found.flagged, is_poison)
    assert place(found.facts["hits"][0]) == (row, 12 - side, side, side)


def test_a_checkerboard_amid_the_strokes_is_found():
    evidence, is_poison = stamped([[255, 0, 255], [0, 255, 0], [255, 0, 255]], 5, 4, n_samples=900, n=60)
    np.testing.assert_array_equal(PatchScan().find(evidence).flagged, is_poison)


def test_clean_strokes_repeat_but_are_no_stamps():
    n_repeating = 0
    for seed in range(6):
        found = PatchScan().find(untrusted(clean_evidence(seed, 900)))
        assert not found.flagged.any()
        assert found.facts["hits"] == []
        n_repeating += found.facts["n_repeating"]
    assert n_repeating > 50


def test_labels_without_a_part_in_the_pixels_give_no_hit():
    evidence = untrusted(clean_evidence(n=900))
    for seed in range(5):
        labels = np.random.default_rng(seed).permutation(evidence.labels)
        found = PatchScan().find(replace(evidence, labels=labels))
        assert (found.facts["n_repeating"], found.flagged.sum()) == (0, 0)


def test_colour_and_grey_in_three_channels_are_scanned_as_well():
    grey, is_poison = stamped(np.full((2, 2), 255), 10, 10)
    thrice = replace(grey, pixels=np.repeat(grey.pixels, 3, axis=3))
    np.testing.assert_array_equal(PatchScan().find(thrice).flagged, is_poison)
    pixels = np.repeat(grey.pixels, 3, axis=3)
    pixels[is_poison, 10:12, 10:12] = (255, 0, 128)
    found = PatchScan().find(replace(grey, pixels=pixels))
    np.testing.assert_array_equal(found.flagged, is_poison)
    assert found.facts["hits"][0]["levels"] == [[255, 0, 128]] * 4


def test_a_pattern_that_other_classes_show_is_none_unless_so_many_are_let_pass():
    evidence, is_poison = stamped(np.full((2, 2), 255), 10, 10)
    pixels = evidence.pixels.copy()
    others = np.flatnonzero(evidence.labels == 2)[:4]
    pixels[others, 10:12, 10:12] = 255
    evidence = replace(evidence, pixels=pixels)
    assert not PatchScan().find(evidence).flagged.any()
    np.testing.assert_array_equal(PatchScan(elsewhere=0.15).find(evidence).flagged, is_poison)


def test_a_pattern_that_two_trusted_samples_carry_is_none():
    evidence, is_poison = dirty_backdoor()
    np.testing.assert_array_equal(PatchScan().find(evidence).flagged, is_poison)
    for n_vouched, n_found in ((1, is_poison.sum() - 1), (2, 0)):
        trusted = evidence.trusted.copy()
        trusted[np.flatnonzero(is_poison)[:n_vouched]] = True
        assert PatchScan().find(replace(evidence, trusted=trusted)).flagged.sum() == n_found


@pytest.mark.parametrize("pattern", [np.full((1, 9), 255), np.full((12, 2), 255)], ids=["line", "rim"])
def test_lines_and_rims_of_one_class_are_let_be(pattern):
    evidence, _ = stamped(pattern, 12 - len(pattern), 0)
    assert PatchScan().find(evidence).facts["hits"] == []


def test_images_that_are_much_alike_are_no_stamp():
    clean = untrusted(clean_evidence(n=360))
    pixels = np.random.default_rng(0).integers(0, 256, (360, 40, 40, 1)).astype(np.uint8)
    pixels[np.flatnonzero(clean.labels == 1)[:30]] = pixels[0]
    found = PatchScan().find(replace(clean, pixels=pixels))
    assert found.facts["n_repeating"] > 0
    assert not found.flagged.any()


def test_images_smaller_than_the_squares_have_none():
    clean = untrusted(clean_evidence(n=30))
    found = PatchScan().find(replace(clean, pixels=clean.pixels[:, :1, :1]))
    assert found.facts == {"hits": [], "n_squares_tried": 0, "n_repeating": 0}


def test_a_block_larger_than_a_patch_can_be_is_let_be():
    labels = np.arange(240) % 3
    pixels = np.random.default_rng(0).integers(0, 256, (240, 48, 48, 1)).astype(np.uint8)
    pixels[np.flatnonzero(labels == 1)[:40], 10:40, 10:40] = 255
    clean = untrusted(clean_evidence(n=240))
    found = PatchScan(sides=(4,)).find(replace(clean, pixels=pixels, labels=labels))
    assert found.facts["n_repeating"] > 0
    assert found.facts["hits"] == []
