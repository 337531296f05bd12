"""Weights in safetensors: a JSON header and bytes, nothing that could run."""

import json
from pathlib import Path

from pipeline.errors import BadClassifier
from pipeline.models.adapter import PixelModel
from pipeline.models.files import read_weights
from pipeline.models.fitting import model_with
from pipeline.models.importers.tensors import MAX_BYTES, plain
from pipeline.models.spec import ClassifierSpec

_LENGTH_BYTES = 8
# Ten thousand tensors with long names need 2 MB.
_MAX_HEADER_BYTES = 16 << 20
_MAX_TENSORS = 10_000
_TYPES = ("F16", "BF16", "F32", "F64", "I64", "I32")


def read_safetensors(file: Path, spec: ClassifierSpec) -> PixelModel:
    """The classifier whose weights the file holds.

    Raises:
        BadClassifier: a broken header, types that no classifier has, or weights that do not fit.
    """
    _check_header(file)
    return model_with(spec, plain(read_weights(file)))


def _check_header(file: Path) -> None:
    """Refuse before anything is allocated; the reader itself checks offsets and shapes."""
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise BadClassifier(
            f"{file.name} has {size:,} bytes, at most {MAX_BYTES:,} are read; give a smaller classifier"
        )
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= min(_MAX_HEADER_BYTES, size - _LENGTH_BYTES):
            raise BadClassifier(
                f"{file.name}: a header of {length:,} bytes in a file of {size:,}; this is no whole safetensors file,"
                " export it again"
            )
        header = opened.read(length)
    try:
        entries = json.loads(header)
    except (ValueError, RecursionError) as e:
        raise BadClassifier(f"{file.name}: its header is not JSON: {e}; export it again") from e
    if not isinstance(entries, dict):
        raise BadClassifier(f"{file.name}: its header is no JSON object; export it again")
    entries.pop("__metadata__", None)
    if not 1 <= len(entries) <= _MAX_TENSORS:
        raise BadClassifier(f"{file.name} holds {len(entries)} tensors; give 1 to {_MAX_TENSORS}")
    types = {str(entry.get("dtype")) if isinstance(entry, dict) else "none" for entry in entries.values()}
    if foreign := sorted(types - set(_TYPES)):
        raise BadClassifier(f"{file.name} holds numbers of type {', '.join(foreign)}; give {', '.join(_TYPES)}")
