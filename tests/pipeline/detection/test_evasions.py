"""Attacks on a detector in training: they fool the classifier, hold their radius, and come back from their file."""

from dataclasses import replace

import numpy as np
import pytest

from datasets.progress import ignore
from pipeline.attacks.adaptive.run import GateAt
from pipeline.detection.evasions import Perturbed, evade, read_evasions, write_evasions
from pipeline.detection.files import load_detector
from pipeline.detection.network import GateNetwork
from pipeline.errors import BadDetector
from pipeline.models.files import load_model

RADII = (16 / 255, 32 / 255)


@pytest.fixture(scope="module")
def gate(tiny_chain):
    """One that accepts every clean scan."""
    open_to_all = GateAt(GateNetwork(load_model(tiny_chain.classifier), load_detector(tiny_chain.detector)), 0.0)
    clean = np.stack([tiny_chain.dataset.levels(item) for item in tiny_chain.dataset.indices("detector")])
    return replace(open_to_all, tau=float(open_to_all.judged(clean, 8).score.max()))


def evaded(tiny_chain, gate, n=12, steps=12, progress=ignore):
    items = tiny_chain.dataset.indices("detector")[:n]
    return evade(gate, tiny_chain.dataset, items, RADII, steps=steps, seed=0, progress=progress)


def test_every_one_fools_the_classifier_on_its_file_within_its_radius(tiny_chain, gate):
    dataset, (found, passed) = tiny_chain.dataset, evaded(tiny_chain, gate)
    assert 0 < len(found) <= 12
    items = dataset.indices("detector")[:12].tolist()
    for one in found:
        levels = dataset.levels(one.parent).astype(np.int64) + one.perturbation
        assert levels.min() >= 0
        assert levels.max() <= 255
        seen = gate.judged(levels.astype(np.uint8)[None], 8)
        assert seen.wrong(dataset.labels[[one.parent]]).all()
        radius = RADII[items.index(one.parent) % 2]
        assert np.abs(one.perturbation).max() == round(one.linf * 255) <= round(radius * 255)
    made = np.stack([(dataset.levels(one.parent) + one.perturbation).astype(np.uint8) for one in found])
    right = gate.judged(np.stack([dataset.levels(i) for i in items]), 8).pred == dataset.labels[items]
    assert passed == gate.judged(made, 8).accepted(gate.tau).sum() / right.sum()


def test_more_steps_pass_more_surely(tiny_chain, gate):
    """The mean score of what fools: an attack goes on after it has passed."""

    def mean_score(steps):
        found, _ = evaded(tiny_chain, gate, n=24, steps=steps)
        levels = [(tiny_chain.dataset.levels(f.parent) + f.perturbation).astype(np.uint8) for f in found]
        return gate.judged(np.stack(levels), 8).score.mean()

    assert mean_score(48) < mean_score(12)


def test_progress_counts_every_scan_once(tiny_chain, gate):
    told = []
    evaded(tiny_chain, gate, progress=lambda done, total, what: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (12, 12)


def test_they_come_back_from_their_file(tmp_path):
    kept = [
        Perturbed(3, np.arange(-8, 8, dtype=np.int32).reshape(4, 4, 1), 8 / 255),
        Perturbed(5, np.ones((2, 3, 3), np.int32), 1 / 255),
    ]
    write_evasions(tmp_path / "kept.npz", kept)
    back = read_evasions(tmp_path / "kept.npz")
    for one, other in zip(kept, back, strict=True):
        assert replace(one, perturbation=None) == replace(other, perturbation=None)
        np.testing.assert_array_equal(one.perturbation, other.perturbation)
    write_evasions(tmp_path / "none.npz", [])
    assert read_evasions(tmp_path / "none.npz") == []


def test_a_damaged_file_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "kept.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(BadDetector, match=r"kept\.npz cannot be read .*; delete the checkpoint beside it to train"):
        read_evasions(tmp_path / "kept.npz")
