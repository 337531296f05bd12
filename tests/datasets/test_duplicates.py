import io

import numpy as np
import pytest
from PIL import Image as Picture

from datasets import duplicates
from datasets.duplicates import Groups, exact_groups, fingerprint, near_pairs, pixels_sha256
from datasets.image import Image
from tests.datasets.scan_files import encoded, picture


def image(levels: np.ndarray, bits: int = 8) -> Image:
    return Image(levels if levels.ndim == 3 else levels[..., None], bits, "png")


def pairs_of(*levels: np.ndarray) -> list[tuple[int, int]]:
    return list(near_pairs([fingerprint(image(one)) for one in levels]))


def saved_as_jpeg(levels: np.ndarray) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(encoded(levels, "JPEG", quality=60))))


def test_a_picture_that_was_saved_again_is_a_near_copy() -> None:
    original = picture(1, side=96)
    assert pairs_of(picture(2, side=96), original, saved_as_jpeg(original)) == [(1, 2)]


def test_a_picture_of_other_size_or_contrast_is_a_near_copy() -> None:
    original = picture(1, side=96)
    smaller = np.asarray(Picture.fromarray(original).resize((80, 80)))
    darker = (original * 0.6).astype(np.uint8)
    assert pairs_of(original, smaller, darker) == [(0, 1), (0, 2), (1, 2)]


def test_deep_and_shallow_copies_are_near() -> None:
    original = picture(1, side=96)
    deep = fingerprint(image(original.astype(np.uint16) * 16, bits=12))
    assert list(near_pairs([fingerprint(image(original)), deep])) == [(0, 1)]


def test_different_pictures_are_not_near() -> None:
    assert pairs_of(*(picture(seed, side=96) for seed in range(60))) == []


def test_noise_that_changes_the_hash_leaves_a_near_copy() -> None:
    original = picture(1, side=96)
    noise = np.random.default_rng(0).normal(0, 40, original.shape)
    noisy = np.clip(original + noise, 0, 255).astype(np.uint8)
    hashes = [fingerprint(image(one)).phash or 0 for one in (original, noisy)]
    assert 0 < (hashes[0] ^ hashes[1]).bit_count() <= duplicates.MAX_HASH_DISTANCE
    assert pairs_of(original, noisy) == [(0, 1)]


@pytest.mark.parametrize(("switch", "value"), [("MAX_HASH_DISTANCE", 64), ("MIN_CORRELATION", -2.0)])
def test_either_check_alone_tells_different_pictures_apart(
    monkeypatch: pytest.MonkeyPatch, switch: str, value: float
) -> None:
    monkeypatch.setattr(duplicates, switch, value)
    assert pairs_of(*(picture(seed, side=96) for seed in range(20))) == []


def test_a_mirrored_picture_is_another() -> None:
    assert pairs_of(picture(1, side=96), picture(1, side=96)[:, ::-1].copy()) == []


def test_small_pictures_are_compared_by_pixels_only() -> None:
    original = picture(1, side=63)
    assert pairs_of(original, saved_as_jpeg(original)) == []


def test_flat_pictures_are_near_to_nothing() -> None:
    assert pairs_of(*(np.full((64, 64), level, dtype=np.uint8) for level in (0, 1, 200))) == []


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_compare_is_a_case(n: int) -> None:
    assert pairs_of(*[picture(1, side=96)] * n) == []


def test_equal_pixels_are_one_group_and_take_part_once() -> None:
    original = picture(1, side=96)
    prints = [fingerprint(image(one)) for one in (original, picture(2, side=96), original, saved_as_jpeg(original))]
    assert exact_groups(prints) == [[0, 2]]
    assert list(near_pairs(prints)) == [(0, 3)]


def test_the_hash_of_pixels_tells_shape_depth_and_levels_apart() -> None:
    levels = np.arange(128, dtype=np.uint16).reshape(8, 16, 1)
    others = [
        pixels_sha256(levels, 12),
        pixels_sha256(levels, 16),
        pixels_sha256(levels.reshape(16, 8, 1), 12),
        pixels_sha256(levels[::-1], 12),
    ]
    assert len(set(others)) == 4
    assert pixels_sha256(levels.astype(">u2"), 12) == others[0]


def test_groups_join_through_others_and_are_numbered_by_their_first() -> None:
    groups = Groups(6)
    assert groups.link(4, 5)
    assert groups.link(1, 4)
    assert not groups.link(5, 1)
    assert groups.numbers().tolist() == [0, 1, 2, 3, 1, 1]
