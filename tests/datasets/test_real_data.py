"""The import of the real brain MRI, where it lies on this machine."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from datasets.importing import import_dataset

N_FILES = 6338
MIN_EXACT_GROUPS = 200
MAX_S = 120
_USUAL = Path(__file__).resolve().parents[3] / "shared" / "data"


def _real_zip() -> Path:
    path = Path(os.environ.get("SCANGATE_DATA", _USUAL)) / "brain_mri.zip"
    if not path.is_file():
        pytest.skip(f"{path} is not there; set SCANGATE_DATA to the folder of brain_mri.zip")
    return path


@pytest.mark.slow
@pytest.mark.real_data
def test_the_real_brain_mri_comes_in_whole_without_leaks_and_in_time(tmp_path: Path) -> None:
    source = _real_zip()
    began = time.monotonic()
    dataset = import_dataset(source, tmp_path, name="brain MRI")
    took_s = time.monotonic() - began
    found = dataset.report()
    assert found["n_files"] == N_FILES
    assert len(dataset) + found["n_left_out"] == N_FILES
    assert took_s < MAX_S
    copies = Counter(item.pixels_sha256 for item in dataset.items)
    assert sum(n > 1 for n in copies.values()) == found["duplicates"]["exact_groups"] >= MIN_EXACT_GROUPS
    used = [item for item in dataset.items if item.split != "dropped"]
    for same in (lambda item: item.group, lambda item: item.pixels_sha256):
        assert len({(same(item), item.split) for item in used}) == len({same(item) for item in used})
