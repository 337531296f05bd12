from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.errors import DatasetError
from datasets.simulated.simulate import CLASSES, simulate, simulate_scan

WITH_LESION = [label for label in CLASSES if label != "notumor"]


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_writes_one_folder_a_class_and_nothing_else(tmp_path):
    simulate(tmp_path, n_per_class=2, size=32)
    assert set(read(tmp_path)) == {f"{label}/{index:05d}.png" for label in CLASSES for index in range(2)}


def test_files_decode_to_the_levels_of_the_scan(tmp_path):
    simulate(tmp_path, n_per_class=1, size=40, seed=3)
    for label in CLASSES:
        with Image.open(tmp_path / label / "00000.png") as picture:
            assert picture.mode == "L"
            np.testing.assert_array_equal(np.asarray(picture)[..., None], simulate_scan(label, 0, size=40, seed=3))


def test_the_same_seed_gives_the_same_files(tmp_path):
    simulate(tmp_path / "a", n_per_class=1, size=32, seed=5)
    simulate(tmp_path / "b", n_per_class=1, size=32, seed=5)
    assert read(tmp_path / "a") == read(tmp_path / "b")


def test_a_scan_does_not_depend_on_order_or_number():
    forwards = [simulate_scan("glioma", index, size=32) for index in range(3)]
    backwards = [simulate_scan("glioma", index, size=32) for index in reversed(range(3))]
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_seed_class_and_index_each_change_the_scan():
    first = simulate_scan("glioma", 0, size=32)
    for other in (
        simulate_scan("glioma", 1, size=32),
        simulate_scan("notumor", 0, size=32),
        simulate_scan("glioma", 0, size=32, seed=1),
    ):
        assert not np.array_equal(first, other)


def test_the_global_generator_is_not_touched():
    before = np.random.get_state()[1].copy()
    simulate_scan("meningioma", 0, size=32)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize("label", WITH_LESION)
def test_every_lesion_shows(label):
    for index in range(12):
        ill = simulate_scan(label, index, size=64).astype(int)
        healthy = simulate_scan(label, index, size=64, with_lesion=False).astype(int)
        # A disc of 5 mm radius has 5 pixels of 4 mm: the smallest lesion changes more than that, clearly.
        assert (np.abs(ill - healthy) > 12).sum() > 5


@pytest.mark.parametrize("label", WITH_LESION)
def test_away_from_the_lesion_the_scan_is_the_same(label):
    ill, healthy = (simulate_scan(label, 2, size=64, with_lesion=shown) for shown in (True, False))
    assert (ill == healthy).mean() > 0.5


def test_none_has_no_lesion():
    for index in range(5):
        drawn, healthy = (simulate_scan("notumor", index, size=48, with_lesion=shown) for shown in (True, False))
        np.testing.assert_array_equal(drawn, healthy)


def test_background_is_dark_and_the_head_is_not():
    for label in CLASSES:
        for index in range(4):
            scan = simulate_scan(label, index, size=64)[..., 0]
            assert np.median(scan[:3, :3]) < 16
            assert scan[16:48, 16:48].mean() > 24


def test_progress_is_told_and_may_cancel_between_whole_files(tmp_path):
    told = []

    def stop_at_third(done: int, total: int, message: str) -> None:
        told.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path, n_per_class=2, size=32, progress=stop_at_third)
    assert told == [(0, 8), (1, 8), (2, 8), (3, 8)]
    assert len(read(tmp_path)) == 3


def test_progress_ends_at_the_total(tmp_path):
    told = []
    simulate(tmp_path, n_per_class=1, size=32, progress=lambda done, total, message: told.append((done, total)))
    assert told[-1] == (4, 4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_per_class": 0}, "0 scans a class, expected at least 1"),
        ({"n_per_class": 1, "size": 31}, "size 31, expected 32 to 512 pixels a side"),
        ({"n_per_class": 1, "size": 513}, "size 513, expected 32 to 512 pixels a side"),
        ({"n_per_class": 1, "seed": -1}, "seed -1, expected a number from 0"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(DatasetError, match=message):
        simulate(tmp_path / "scans", **wrong)
    assert not (tmp_path / "scans").exists()


def test_an_unknown_class_or_index_is_refused():
    with pytest.raises(DatasetError, match="class 'cyst', expected one of glioma, meningioma, notumor, pituitary"):
        simulate_scan("cyst", 0)
    with pytest.raises(DatasetError, match="scan -1, expected a number from 0"):
        simulate_scan("glioma", -1)
