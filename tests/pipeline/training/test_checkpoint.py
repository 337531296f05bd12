import pytest
import torch

from pipeline.training.checkpoint import Checkpoint, EpochResult


def _checkpoint():
    state = {"w": torch.rand(3)}
    history = [EpochResult(0, 0.5, 0.75, None, None)]
    return Checkpoint(state, state, {"state": {}, "param_groups": []}, {}, state, 0, history)


def test_comes_back_as_it_was_written(tmp_path):
    written = _checkpoint()
    written.write(tmp_path / "a.pt")
    read = Checkpoint.read(tmp_path / "a.pt")
    assert read.history == written.history
    assert torch.equal(read.best["w"], written.best["w"])


@pytest.mark.parametrize("content", [None, b"", b"half a file"])
def test_a_file_that_cannot_be_read_starts_over(tmp_path, content):
    if content is not None:
        (tmp_path / "a.pt").write_bytes(content)
    assert Checkpoint.read(tmp_path / "a.pt") is None
