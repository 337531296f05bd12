"""The heads of a data set's scans."""

import numpy as np

from datasets.head import head_mask
from pipeline.detection import heads as heads_module
from pipeline.detection.heads import Heads


class Scans:
    """Two scans of 41 pixels width, which fill no whole bytes: a disk on black, and one without a background."""

    def __init__(self):
        rows, columns = np.ogrid[:40, :41]
        disk = np.where((rows - 20) ** 2 + (columns - 20) ** 2 < 150, 150, 2).astype(np.uint8)[..., None]
        self._levels = [disk, np.random.default_rng(0).integers(100, 200, (40, 41, 1)).astype(np.uint8)]
        self.items = [Entry(one.shape) for one in self._levels]

    def levels(self, item):
        return self._levels[item]


class Entry:
    def __init__(self, shape):
        self.shape, self.bits = shape, 8


def test_the_mask_is_that_of_the_scan():
    scans = Scans()
    heads = Heads(scans)
    assert heads.found(0)
    np.testing.assert_array_equal(heads.mask(0), head_mask(scans.levels(0), 8).mask)


def test_a_scan_without_a_background_has_none():
    heads = Heads(Scans())
    assert not heads.found(1)
    assert heads.mask(1) is None


def test_each_scan_is_looked_at_once(monkeypatch):
    looked = []
    monkeypatch.setattr(heads_module, "head_mask", lambda levels, bits: looked.append(1) or head_mask(levels, bits))
    heads = Heads(Scans())
    for _ in range(3):
        heads.found(0), heads.mask(0)
    assert len(looked) == 1
