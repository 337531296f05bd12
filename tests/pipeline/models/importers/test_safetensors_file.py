import json

import pytest
import torch
from safetensors.torch import save_file

from pipeline.errors import BadClassifier
from pipeline.models.importers.safetensors_file import read_safetensors
from pipeline.models.registry import build
from tests.pipeline.models.specs import small_spec


def _file(tmp_path, content):
    file = tmp_path / "a.safetensors"
    file.write_bytes(content)
    return file


def _with_header(header):
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no whole safetensors file"),
        (b"\x80\x04}q\x00.", "no whole safetensors file"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "no whole safetensors file"),
        (_with_header(b"[not json"), "not JSON"),
        (_with_header(b"[" * 200_000), "not JSON"),
        (_with_header(b"[1]"), "no JSON object"),
        (_with_header(b"{}"), "holds 0 tensors"),
        (_with_header(json.dumps({"w": 3}).encode()), "type none"),
        (_with_header(json.dumps({"w": {"dtype": "BOOL"}}).encode()), "type BOOL"),
        (
            _with_header(
                json.dumps({"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
            ),
            "not a whole safetensors file",
        ),
    ],
)
def test_a_broken_file_is_refused(tmp_path, content, message):
    with pytest.raises(BadClassifier, match=message):
        read_safetensors(_file(tmp_path, content), small_spec())


def test_a_truncated_file_is_refused(tmp_path):
    save_file(build(small_spec()).state_dict(), tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()[:-100]
    with pytest.raises(BadClassifier, match="not a whole safetensors file"):
        read_safetensors(_file(tmp_path, content), small_spec())


def test_a_whole_file_is_read(tmp_path):
    save_file(build(small_spec()).state_dict(), tmp_path / "whole.safetensors")
    assert read_safetensors(tmp_path / "whole.safetensors", small_spec())(torch.rand(1, 1, 16, 16)).shape == (1, 3)
