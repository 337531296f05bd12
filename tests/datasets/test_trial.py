import numpy as np
import pytest

from datasets import trial
from datasets.errors import BadDataset
from datasets.image import encode_png
from datasets.trial import SMALL, try_import


def folder_of(root, broken):
    """Class folders a, b and c of so many images that they are not imported for trial."""
    rng = np.random.default_rng(0)
    for label in "abc":
        (root / label).mkdir(parents=True)
        for i in range(SMALL // 2):
            levels = rng.integers(0, 256, (16, 16, 1), dtype=np.uint8)
            whole = encode_png(levels, 8)
            (root / label / f"{i}.png").write_bytes(whole[:40] if label in broken else whole)
    return root


def test_two_classes_with_an_image_are_enough(tmp_path):
    try_import(folder_of(tmp_path / "scans", broken="b"))


def test_one_class_with_images_is_not(tmp_path):
    with pytest.raises(BadDataset, match=r"scans: usable images of 1 classes \(c\) in 96 files"):
        try_import(folder_of(tmp_path / "scans", broken="ab"))


def test_what_takes_too_long_is_left_to_the_import(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE_S", 0.0)
    try_import(folder_of(tmp_path / "scans", broken="ab"))


def test_a_small_source_is_imported_for_trial_and_leaves_nothing(tmp_path):
    rng = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "scans" / label).mkdir(parents=True)
        (tmp_path / "scans" / label / "1.png").write_bytes(encode_png(rng.integers(0, 256, (16, 16, 1), np.uint8), 8))
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(BadDataset, match="scans: 2 different pictures for 5 splits"):
        try_import(tmp_path / "scans", workdir=work)
    assert not any(work.iterdir())
