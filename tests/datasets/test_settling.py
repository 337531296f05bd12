import numpy as np
import pytest

from datasets.duplicates import fingerprint
from datasets.findings import Kind
from datasets.image import Image
from datasets.layout import Place
from datasets.settling import Candidate, Settled, settle
from datasets.splits import Shares
from tests.datasets.scan_files import picture


def candidate(name: str, levels: np.ndarray, split: str | None) -> Candidate:
    label = name.split("/")[0]
    image = Image(levels[..., None], 8, "png")
    return Candidate(Place(name, label, split), "", fingerprint(image), image.levels.shape, 8)


def settled(*extra: tuple[str, np.ndarray, str | None], given: str | None = "train") -> Settled:
    """Twenty different pictures of two classes, with `extra` after them."""
    rows = [(f"{'ab'[i % 2]}/{i}.png", picture(i, side=64), given) for i in range(20)]
    candidates = [candidate(*row) for row in [*rows, *extra]]
    labels = np.array(["ab".index(one.place.label) for one in candidates], dtype=np.int64)
    return settle(candidates, labels, shares=Shares(), seed=0)


def said(found: Settled, kind: Kind) -> list[tuple[str, str]]:
    return [(finding.name, finding.detail) for finding in found.findings if finding.kind is kind]


def changed(seed: int) -> np.ndarray:
    """A near copy of a picture: darker."""
    return (picture(seed, side=64) * 0.7).astype(np.uint8)


def test_a_copy_of_a_test_image_is_dropped_from_training() -> None:
    found = settled(("a/test.png", picture(0, side=64), "test"), ("b/test.png", picture(99, side=64), "test"))
    assert found.splits[0] == "dropped"
    assert found.splits[20:] == ["test", "test"]
    assert said(found, Kind.SPLIT_LEAK) == [("a/0.png", "copy of a/test.png in test; dropped")]
    assert said(found, Kind.EXACT_DUPLICATE) == [("a/test.png", "same pixels as a/0.png")]
    assert (found.overlap.exact_groups, found.overlap.across_splits, found.overlap.across_classes) == (1, 1, 0)


def test_a_near_copy_of_a_test_image_is_dropped_from_training() -> None:
    found = settled(("a/test.png", changed(0), "test"), ("b/test.png", picture(99, side=64), "test"))
    assert found.splits[0] == "dropped"
    assert said(found, Kind.SPLIT_LEAK) == [("a/0.png", "near copy of a/test.png in test; dropped")]
    assert said(found, Kind.NEAR_DUPLICATE) == [("a/test.png", "near copy of a/0.png")]
    assert (found.overlap.exact_groups, found.overlap.groups, found.overlap.images) == (0, 1, 2)


def test_copies_inside_one_split_stay_together() -> None:
    found = settled(("a/again.png", picture(0, side=64), "train"), ("a/near.png", changed(0), "train"))
    assert len({found.splits[i] for i in (0, 20, 21)}) == 1
    assert len({int(found.groups[i]) for i in (0, 20, 21)}) == 1
    assert "dropped" not in found.splits


def test_equal_pixels_under_two_labels_are_dropped_and_both_named() -> None:
    found = settled(("b/same.png", picture(0, side=64), "train"))
    assert found.splits[0] == found.splits[20] == "dropped"
    assert said(found, Kind.LABEL_CONFLICT) == [
        ("a/0.png", "labelled a, but b/same.png with the same pixels b; dropped"),
        ("b/same.png", "labelled b, but a/0.png with the same pixels a; dropped"),
    ]
    assert found.overlap.across_classes == 1


def test_a_test_image_stays_whatever_label_its_copy_has() -> None:
    found = settled(("b/same.png", picture(0, side=64), "test"), ("a/test.png", picture(99, side=64), "test"))
    assert (found.splits[0], found.splits[20]) == ("dropped", "test")
    assert said(found, Kind.LABEL_CONFLICT)[1][1].endswith("kept, being a test image")
    assert said(found, Kind.SPLIT_LEAK) == []


def test_near_copies_under_two_labels_are_reported() -> None:
    found = settled(("b/near.png", changed(0), "train"))
    assert said(found, Kind.NEAR_DUPLICATE) == [
        ("b/near.png", "near copy of a/0.png, which is labelled a and not b; look at both")
    ]
    assert found.splits[0] == found.splits[20] != "dropped"


@pytest.mark.parametrize("given", [None, "train"])
def test_nothing_is_said_about_different_pictures(given: str | None) -> None:
    found = settled(given=given)
    assert found.findings == []
    assert len(set(found.groups.tolist())) == 20
    assert set(found.splits) == {"train", "val", "detector", "calibration", "test"}
