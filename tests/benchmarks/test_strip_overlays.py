import gzip

import numpy as np
import pytest
import torch

from benchmarks import strip_overlays
from benchmarks.strip_overlays import main, read_digits, stamped


@pytest.fixture
def digits(tmp_path):
    """Noise with labels, as IDX files."""
    rng = np.random.default_rng(0)
    levels, classes = rng.integers(0, 255, (1200, 28, 28), np.uint8), rng.integers(0, 10, 1200, np.uint8)
    files = tmp_path / "images.gz", tmp_path / "labels.gz"
    for file, header, content in zip(files, (16, 8), (levels, classes), strict=True):
        file.write_bytes(gzip.compress(bytes(header) + content.tobytes()))
    return files, levels, classes


def test_digits_are_read_as_pixels_and_classes(digits):
    files, levels, classes = digits
    x, y = read_digits(*files)
    np.testing.assert_allclose(x[:, 0].numpy(), levels / 255, atol=1e-7)
    assert y.tolist() == classes.tolist()


def test_four_pixels_are_stamped():
    assert stamped(torch.zeros(3, 1, 28, 28)).sum() == 3 * 4


def test_every_classifier_has_a_row(digits, capsys, monkeypatch):
    monkeypatch.setattr(strip_overlays, "_N_TRAIN", 300)
    monkeypatch.setattr(strip_overlays, "_N_CALIBRATING", 300)
    monkeypatch.setattr(strip_overlays, "_TEST_FROM", 1000)
    monkeypatch.setattr(strip_overlays, "OVERLAYS", (2, 4))
    monkeypatch.setattr(strip_overlays, "_EPOCHS", 1)
    before = torch.get_rng_state()
    assert main([*map(str, digits[0]), "--seeds", "1"]) == 0
    assert torch.equal(before, torch.get_rng_state())
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 + len(strip_overlays.SHARES)
    assert all(row.count("of clean") == len(strip_overlays.OVERLAYS) for row in rows[2:])
