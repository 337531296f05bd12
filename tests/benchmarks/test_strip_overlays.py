import gzip
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import strip_overlays
from benchmarks.strip_overlays import (
    Plan,
    kept_by_parts,
    nested_entropies,
    overlays_tried,
    parts_of,
    read_digits,
    stamped,
)
from datasets.errors import BadArrays
from detector.poisoned.strip import Strip
from tests.benchmarks.digits import N_DIGITS, SMALL, noise_digits


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return noise_digits(tmp_path_factory.mktemp("digits"))


def linear(x):
    return 8 * torch.nn.functional.avg_pool2d(x, 14).flatten(1)


@pytest.mark.parametrize("packed", [True, False])
def test_digits_are_read_as_pixels_and_classes(digits, tmp_path, packed):
    for file in digits.parent.iterdir():
        content = file.read_bytes()
        (tmp_path / (file.name if packed else file.stem)).write_bytes(content if packed else gzip.decompress(content))
    x, y = read_digits(tmp_path / (digits.name if packed else digits.stem))
    with gzip.open(digits) as images, gzip.open(digits.with_name("t-labels-idx1-ubyte.gz")) as labels:
        levels, classes = (np.frombuffer(file.read(), np.uint8) for file in (images, labels))
    np.testing.assert_allclose(x.numpy(), levels[16:].reshape(-1, 1, 28, 28) / 255, atol=1e-7)
    assert y.tolist() == classes[8:].tolist()


def test_images_without_labels_are_refused(digits, tmp_path):
    (tmp_path / digits.name).write_bytes(digits.read_bytes())
    for path in (tmp_path / digits.name, tmp_path / "none", digits.parent):
        with pytest.raises(BadArrays, match="no IDX file of images with its labels beside it"):
            read_digits(path)


def test_four_pixels_are_stamped():
    x = stamped(torch.zeros(3, 1, 28, 28), (6, 24))
    assert x.sum() == x[:, :, 6:8, 24:26].sum() == 3 * 4


def test_nested_entropies_are_those_of_strip():
    x = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found = nested_entropies(linear, x[:9], (2, 5, 9), x[9:])
    assert list(found) == [2, 5, 9]
    for m, entropies in found.items():
        np.testing.assert_allclose(entropies, Strip(linear, x[:m]).entropy(x[9:]).numpy(), atol=1e-5)


def test_parts_are_those_that_a_gate_would_paste():
    x = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    called = linear(x).argmax(1)
    parts = parts_of(linear, x[:12], 3)
    assert len(set(parts.called.tolist())) == 3
    assert all(any(np.array_equal(one, other) for other in x[:12].numpy()) for one in parts.overlays)
    found = kept_by_parts(parts, x[12:], called[12:].numpy())
    assert found.tolist() == [parts.wavering(one, int(k)) for one, k in zip(x[12:].numpy(), called[12:], strict=True)]
    assert (found > 0).all()


def test_no_image_is_used_twice():
    parts = strip_overlays._divided(1000, SMALL, torch.Generator().manual_seed(0))
    assert sorted(torch.cat(parts).tolist()) == list(range(1000))
    assert [len(part) for part in parts] == [SMALL.n_train, max(SMALL.overlays), SMALL.n_calibrating, 1000 - 504]


def test_every_number_of_overlays_has_a_row(digits):
    x, y = read_digits(digits)
    before = torch.get_rng_state()
    rows = list(overlays_tried(x, y, SMALL, place="corner", share=0.05, seed=1))
    assert torch.equal(before, torch.get_rng_state())
    told = [(row["by"], row["poisoned"], row["seed"], row["overlays"]) for row in rows]
    assert told == [("sums", 0.05, 1, m) for m in SMALL.overlays]
    for row in rows:
        assert row["works"]["n"] == SMALL.n_triggered
        for by in ("by_class", "single"):
            assert row[by]["found"]["n"] == row["works"]["n_hit"]
            assert row[by]["alarms"]["n"] == SMALL.n_clean


def test_a_classifier_that_a_trigger_decides_is_told_by_both(monkeypatch, digits):
    """A backdoor that no overlay hides, of images with a bright first pixel, in a classifier that wavers otherwise."""

    def backdoored(x):
        is_white = (x[:, :, 1:3, 1:3].amin((1, 2, 3)) >= 1) & (x[:, 0, 0, 0] > 0.5)
        waver = torch.nn.functional.avg_pool2d(x, 7).flatten(1)[:, :10] * 20
        return torch.where(is_white[:, None], 1e3 * torch.eye(10)[0], waver)

    monkeypatch.setattr(strip_overlays, "_trained", lambda *given: backdoored)
    x, y = read_digits(digits)
    x = x.clone()
    x[:, :, 1:3, 1:3] *= 0.1
    for row in overlays_tried(x, y, SMALL, place="corner", share=0.05, seed=0):
        assert row["by_class"]["found"]["value"] == row["single"]["found"]["value"] == 1
        assert row["by_class"]["found"]["n"] == row["works"]["n_hit"] < row["works"]["n"] == SMALL.n_triggered
        assert max(row[by]["alarms"]["value"] for by in ("by_class", "single")) < 0.15


def test_too_few_digits_are_refused():
    with pytest.raises(BadArrays, match=r"10 images; expected 6,700 or more, for instance the 10,000 of MNIST"):
        next(overlays_tried(torch.zeros(10, 1, 28, 28), torch.zeros(10), Plan(), place="corner", share=0.05, seed=0))
    many, x = replace(SMALL, n_clean=N_DIGITS), torch.zeros(N_DIGITS, 1, 28, 28)
    with pytest.raises(BadArrays, match=rf"{N_DIGITS} images; expected {504 + N_DIGITS:,} or more"):
        next(overlays_tried(x, torch.zeros(N_DIGITS), many, place="corner", share=0.05, seed=0))
