import numpy as np
import pytest
from safetensors.numpy import save_file

from detector.poisoned.strip_rule import StripRule
from pipeline.errors import BadGate
from pipeline.gate.overlays import OVERLAYS_FILE, load_overlays, save_overlays
from pipeline.gate.strip import StripPoint

RULE = StripRule(np.zeros(2), np.ones(2), np.zeros(9))


@pytest.fixture
def point():
    return StripPoint(overlays_sha256="", n_overlays=3, rate=0.05, seed=0, rule=RULE)


def test_overlays_come_back_as_they_were_and_cannot_be_written_to(backdoored_chain, tmp_path, point):
    overlays = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    first, again = save_overlays(overlays, tmp_path / OVERLAYS_FILE), save_overlays(overlays, tmp_path / "other")
    assert first == again
    found = load_overlays(tmp_path, point, backdoored_chain.classifier.spec)
    np.testing.assert_array_equal(found, overlays)
    assert not found.flags.writeable


@pytest.mark.parametrize(
    "overlays",
    [np.zeros((2, 1, 28, 28)), np.zeros((3, 1, 8, 8)), np.full((3, 1, 28, 28), 2), np.full((3, 1, 28, 28), np.nan)],
)
def test_other_overlays_than_were_told_are_refused(backdoored_chain, tmp_path, point, overlays):
    save_overlays(overlays, tmp_path / OVERLAYS_FILE)
    with pytest.raises(BadGate, match=r"expected \(3, 1, 28, 28\) in \[0, 1\]"):
        load_overlays(tmp_path, point, backdoored_chain.classifier.spec)


def test_a_file_of_something_else_is_refused(backdoored_chain, tmp_path, point):
    for write in (lambda path: path.write_bytes(b"no tensors"), lambda path: save_file({"a": np.zeros(1)}, path)):
        write(tmp_path / OVERLAYS_FILE)
        with pytest.raises(BadGate, match=r"overlays\.safetensors cannot be read"):
            load_overlays(tmp_path, point, backdoored_chain.classifier.spec)
