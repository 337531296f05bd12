import pickle

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pipeline.errors import BadClassifier, RefusedFormat
from pipeline.models.importers.state_dict import convert, read_state_dict
from pipeline.models.registry import build
from tests.pipeline.models.specs import small_spec


class _Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (exec, (f"open({str(self.path)!r}, 'w').close()",))


def _converted(tmp_path, saved):
    torch.save(saved, tmp_path / "saved.pt")
    convert(str(tmp_path / "saved.pt"), str(tmp_path / "out.safetensors"), "saved.pt")
    return load_file(tmp_path / "out.safetensors")


def test_a_state_dict_is_read_in_the_jail(tmp_path):
    state = build(small_spec()).state_dict()
    torch.save(
        {"epoch": 3, "model_state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "a.pth"
    )
    loaded = read_state_dict(tmp_path / "a.pth", small_spec()).network.state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in state.items())


def test_what_runs_code_on_reading_is_refused_and_never_runs(tmp_path):
    mark = tmp_path / "it_ran"
    torch.save({"w": _Evil(mark)}, tmp_path / "evil.pt")
    with pytest.raises(
        RefusedFormat, match=r"evil\.pt holds a pickled object \(\S*exec\).*torch\.save\(model\.state_dict"
    ):
        read_state_dict(tmp_path / "evil.pt", small_spec())
    assert not mark.exists()


def test_a_pickled_module_is_refused(tmp_path):
    with pytest.raises(RefusedFormat, match=r"a pickled object \(torch\.nn\.modules\.linear\.Linear\)"):
        _converted(tmp_path, nn.Linear(2, 2))


def test_a_plain_pickle_is_refused(tmp_path):
    (tmp_path / "saved.pt").write_bytes(pickle.dumps(_Evil(tmp_path / "it_ran")))
    with pytest.raises(RefusedFormat, match="pickled object"):
        convert(str(tmp_path / "saved.pt"), str(tmp_path / "out"), "saved.pt")
    assert not (tmp_path / "it_ran").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_archive_is_refused(tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "saved.pt"))
    with pytest.raises(RefusedFormat, match="TorchScript archive"):
        convert(str(tmp_path / "saved.pt"), str(tmp_path / "out"), "saved.pt")


def test_an_exported_program_is_refused_under_any_suffix(tmp_path):
    program = torch.export.export(nn.Linear(2, 2), (torch.rand(1, 2),))
    torch.export.save(program, tmp_path / "saved.pt2")
    (tmp_path / "saved.pt2").rename(tmp_path / "saved.pt")
    with pytest.raises(RefusedFormat, match="exported program"):
        convert(str(tmp_path / "saved.pt"), str(tmp_path / "out"), "saved.pt")


@pytest.mark.parametrize("saved", [[1, 2], {}, {"w": 3}, {3: torch.zeros(1)}, torch.zeros(2)])
def test_what_is_no_state_dict_is_refused(tmp_path, saved):
    with pytest.raises(RefusedFormat, match=r"not a state dict|more than tensors"):
        _converted(tmp_path, saved)


def test_tensors_that_share_memory_are_read(tmp_path):
    one = torch.arange(4.0)
    assert _converted(tmp_path, {"a": one, "b": one, "c": one[::2]})["c"].tolist() == [0, 2]


def test_a_tensor_that_claims_more_than_its_bytes_is_refused(tmp_path):
    with pytest.raises(BadClassifier, match="at most"):
        _converted(tmp_path, {"w": torch.zeros(1).expand(1 << 40)})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"\x00" * 64])
def test_a_broken_file_is_refused(tmp_path, content):
    (tmp_path / "broken.pt").write_bytes(content)
    with pytest.raises(BadClassifier, match=r"broken\.pt"):
        convert(str(tmp_path / "broken.pt"), str(tmp_path / "out"), "broken.pt")


def test_a_truncated_file_is_refused(tmp_path):
    torch.save(build(small_spec()).state_dict(), tmp_path / "whole")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole").read_bytes()[:-500])
    with pytest.raises(BadClassifier, match=r"cut\.pt"):
        convert(str(tmp_path / "cut.pt"), str(tmp_path / "out"), "cut.pt")
