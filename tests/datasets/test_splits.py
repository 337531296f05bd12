from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.errors import BadDataset
from datasets.splits import DROPPED, SPLITS, Shares, divide, drop_leaks


def singles(n: int) -> np.ndarray:
    return np.arange(n)


def alternating(n: int, n_classes: int = 2) -> np.ndarray:
    return np.arange(n) % n_classes


def test_shares_are_kept_for_every_class() -> None:
    labels = np.repeat([0, 1, 2], [1000, 400, 200])
    splits = divide(labels, singles(1600), [None] * 1600)
    weights = {"train": 0.60, "val": 0.05, "detector": 0.15, "calibration": 0.20, "test": 0.15}
    for label, n in enumerate((1000, 400, 200)):
        found = Counter(split for split, of in zip(splits, labels, strict=True) if of == label)
        for split in SPLITS:
            assert found[split] == pytest.approx(n * weights[split] / 1.15, abs=1)


def test_a_given_test_stays_and_the_rest_is_divided_without_it() -> None:
    settled = ["test"] * 20 + [None] * 100
    splits = divide(alternating(120), singles(120), settled)
    assert splits[:20] == ["test"] * 20
    found = Counter(splits[20:])
    assert found.keys() == {"train", "val", "detector", "calibration"}
    for split, expected in (("train", 60), ("val", 5), ("detector", 15), ("calibration", 20)):
        assert found[split] == pytest.approx(expected, abs=2)


@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(10, 120))
def test_no_group_crosses_and_no_split_is_empty(seed: int, n_classes: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(10), rng.integers(0, n, n)])
    labels = np.concatenate([alternating(10, n_classes), rng.integers(0, n_classes, n)])
    splits = divide(labels, groups, [None] * len(labels), seed=seed)
    assert set(splits) == set(SPLITS)
    for group in set(groups.tolist()):
        assert len({split for split, of in zip(splits, groups, strict=True) if of == group}) == 1


def test_a_large_group_does_not_swallow_a_small_split() -> None:
    groups = np.concatenate([np.zeros(50, dtype=np.int64), np.arange(1, 151)])
    splits = divide(alternating(200), groups, [None] * 200)
    assert set(splits[:50]) == {"train"}
    assert 5 <= splits.count("val") <= 12


def test_the_seed_decides_and_decides_alone() -> None:
    labels = alternating(300)
    first = divide(labels, singles(300), [None] * 300, seed=3)
    assert first == divide(labels, singles(300), [None] * 300, seed=3)
    assert first != divide(labels, singles(300), [None] * 300, seed=4)


def test_a_split_of_no_share_stays_empty() -> None:
    splits = divide(alternating(100), singles(100), [None] * 100, shares=Shares(val=0))
    assert "val" not in splits


def test_copies_of_test_images_are_dropped_elsewhere() -> None:
    groups = np.array([0, 0, 1, 1, 2, 2, 3])
    said = ["test", "train", None, None, "val", "train", DROPPED]
    assert drop_leaks(groups, said) == ["test", DROPPED, None, None, "val", DROPPED, DROPPED]


def test_test_wins_over_val() -> None:
    assert drop_leaks(np.array([0, 0, 0]), ["val", "test", None]) == [DROPPED, "test", DROPPED]


@pytest.mark.parametrize(
    ("labels", "settled", "message"),
    [
        ([0] * 10, [None] * 10, "1 class with usable images; a classifier needs at least 2"),
        ([0, 1] * 4, ["test", None] * 4, "class number 0 has images for the test only"),
        ([0, 1, 0, 1], [None] * 4, "4 different pictures for 5 splits; add images"),
        ([0], [None], "1 class"),
        ([], [], "0 class"),
    ],
)
def test_refuses_what_cannot_be_learnt_from(labels: list[int], settled: list[str | None], message: str) -> None:
    with pytest.raises(BadDataset, match=message):
        divide(np.array(labels, dtype=np.int64), singles(len(labels)), settled)


@pytest.mark.parametrize(("share", "message"), [(-0.1, "at least 0"), (float("nan"), "at least 0")])
def test_refuses_a_share_that_is_no_share(share: float, message: str) -> None:
    with pytest.raises(BadDataset, match=message):
        Shares(val=share)


def test_refuses_to_do_without_training() -> None:
    with pytest.raises(BadDataset, match="share of train: 0, expected more than 0"):
        Shares(train=0)
