"""Weights saved with `torch.save(model.state_dict())`: unpickled in a child process, by torch's weights-only reader."""

import pickle
import re
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from datasets.errors import JailFailure
from datasets.jail import JailLimits, run_jailed
from pipeline.errors import BadClassifier, RefusedFormat
from pipeline.models.adapter import PixelModel
from pipeline.models.importers.safetensors_file import read_safetensors
from pipeline.models.importers.tensors import MAX_BYTES
from pipeline.models.spec import ClassifierSpec

# Measured: importing torch takes 5 GiB of addresses, of which little is memory; the rest is for the tensors, twice.
_LIMITS = JailLimits(memory_bytes=10 << 30, cpu_s=120, wall_s=300.0, file_bytes=2 * MAX_BYTES)

_WAY_OUT = "save its weights with torch.save(model.state_dict(), path) or safetensors.torch.save_file, and give those"
_NESTED = ("state_dict", "model_state_dict")


def read_state_dict(file: Path, spec: ClassifierSpec) -> PixelModel:
    """The classifier whose state dict the file holds.

    Raises:
        RefusedFormat: a pickled module, a TorchScript archive, an exported program, or anything but a state dict.
        BadClassifier: a broken file, or weights that do not fit.
    """
    if (size := file.stat().st_size) > MAX_BYTES:
        raise BadClassifier(
            f"{file.name} has {size:,} bytes, at most {MAX_BYTES:,} are read; give a smaller classifier"
        )
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / "weights.safetensors"
        args = {"source": str(file.resolve()), "target": str(converted), "name": file.name}
        try:
            run_jailed(f"{__name__}:convert", args, workdir=Path(folder), limits=_LIMITS)
        except JailFailure as e:
            raise BadClassifier(f"{file.name} could not be read: {e}; {_WAY_OUT}") from e
        return read_safetensors(converted, spec)


def convert(source: str, target: str, name: str) -> int:
    """Write a state dict as safetensors and give the number of tensors; runs in the jail.

    Raises:
        RefusedFormat: see `read_state_dict`.
        BadClassifier: the file is broken or holds tensors of an unusual kind.
    """
    _refuse_programs(Path(source), name)
    state = _tensors(_loaded(Path(source), name), name)
    n_bytes = sum(value.numel() * value.element_size() for value in state.values())
    if n_bytes > MAX_BYTES:
        raise BadClassifier(f"{name}: its tensors take {n_bytes:,} bytes, at most {MAX_BYTES:,} are read")
    # Cloned, since safetensors refuses tensors that share memory.
    save_file({key: value.detach().clone().contiguous() for key, value in state.items()}, target)
    return len(state)


def _refuse_programs(file: Path, name: str) -> None:
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        members = {member.partition("/")[2] for member in archive.namelist()}
    if any(member.startswith("code/") or member == "constants.pkl" for member in members):
        raise RefusedFormat(f"{name} is a TorchScript archive, which brings its own code; {_WAY_OUT}")
    if any(member in ("archive_format", "serialized_exported_program.json") for member in members):
        raise RefusedFormat(f"{name} is an exported program (.pt2), which brings its own code; {_WAY_OUT}")


def _loaded(file: Path, name: str) -> object:
    try:
        with warnings.catch_warnings():
            # The reader warns of unusual pickles before it refuses them; the refusal says enough.
            warnings.simplefilter("ignore")
            loaded: object = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        found = re.search(r"GLOBAL (\S+)", str(e))
        what = f"a pickled object ({found.group(1)})" if found else "a pickled object, or is broken"
        raise RefusedFormat(f"{name} holds {what}; reading one can run any code, so it is refused; {_WAY_OUT}") from e
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, OSError) as e:
        told = (str(e) or type(e).__name__).splitlines()[0]
        raise BadClassifier(f"{name} is not a whole file of torch.save: {told}; save it again") from e
    return loaded


def _tensors(loaded: object, name: str) -> dict[str, Tensor]:
    for key in _NESTED:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        raise RefusedFormat(f"{name} holds a {type(loaded).__name__}, not a state dict; {_WAY_OUT}")
    others = [str(key) for key, value in loaded.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    if others:
        raise RefusedFormat(f"{name} holds more than tensors ({', '.join(others[:5])}); {_WAY_OUT}")
    unusual = [key for key, value in loaded.items() if value.layout != torch.strided or value.is_quantized]
    if unusual:
        raise BadClassifier(f"{name} holds sparse or quantised tensors ({', '.join(unusual[:5])}); save plain ones")
    return dict(loaded)
