"""What a file of weights shows of itself: its header, its names and shapes, the names inside its pickles.

Nothing is unpickled: the operations of a pickle are listed, as text, and never carried out.
"""

import io
import json
import math
import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import BadClassifier, RefusedFormat
from pipeline.models.spec import ClassifierSpec

_HEADER_BYTES = 16 << 20
_NAN_BYTES = 256 << 20  # Read in a fraction of a second; the job looks at every number of a larger file.
_PICKLE_BYTES = 2 << 20  # Listed in about a second; a state dict of ten thousand tensors has less.
_PREFIXES = ("module.", "_orig_mod.", "model.")
_FLOATS = {"F16": np.float16, "F32": np.float32, "F64": np.float64}
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # Opens a file of torch.save from before its zip format.
_LEGACY_PICKLES = 4  # Magic number, version, system, state dict; the numbers follow.
_HARMLESS = ("collections", "torch", "torch._utils", "torch.storage", "torch.nn.parameter", "torch._tensor")
_WAY_OUT = "save its weights with torch.save(model.state_dict(), path) or safetensors.torch.save_file, and give those"


@dataclass(frozen=True)
class Signature:
    """First and last weights of an architecture, by which its files are told apart."""

    min_side: int
    n_tensors: int
    first: str
    head: str
    width: int  # Features that the head reads.


SIGNATURES = {
    "SequentialCNN": Signature(16, 44, "stages.0.0.weight", "head.1.weight", 384),
    "resnet18": Signature(32, 122, "conv1.weight", "fc.weight", 512),
    "efficientnet_b0": Signature(32, 360, "features.0.0.weight", "classifier.1.weight", 1280),
}
"""Every architecture that a classifier can name; a test holds it against the registry, which loads torch."""


def signature_of(name: str, side: int) -> Signature:
    """The signature of an architecture that takes this input.

    Raises:
        BadClassifier: no such architecture, or an input too small for it.
    """
    if name not in SIGNATURES:
        raise BadClassifier(f"no architecture {name!r}; there are {', '.join(SIGNATURES)}")
    known = SIGNATURES[name]
    if side < known.min_side:
        raise BadClassifier(
            f"{name} takes images from {known.min_side}x{known.min_side} pixels, found {side}x{side}; "
            "give a larger input size"
        )
    return known


def check_tensors(file: Path, spec: ClassifierSpec) -> None:
    """Refuse a safetensors file that cannot be this classifier.

    Raises:
        BadClassifier: a broken header, other names or shapes than the architecture's, or NaN.
    """
    entries, start = _header(file)
    shapes = _plain({name: tuple(entry["shape"]) for name, entry in entries.items()})
    _check_shapes(file.name, shapes, spec)
    if file.stat().st_size <= _NAN_BYTES:
        _check_finite(file, entries, start)


def check_saved(file: Path, _spec: ClassifierSpec) -> None:
    """Refuse a file of torch.save that brings code; whether a state dict fits, the job finds in its jail.

    Raises:
        RefusedFormat: a TorchScript archive, an exported program, or a pickle that names other than tensors.
        BadClassifier: not a whole file of torch.save.
    """
    if zipfile.is_zipfile(file):
        _check_members(file)
        return
    with file.open("rb") as opened:
        head = opened.read(_PICKLE_BYTES)
    if head.startswith(b"PK"):
        raise BadClassifier(f"{file.name} is the beginning of a file of torch.save; send the whole file")
    stream, whole = io.BytesIO(head), len(head) < _PICKLE_BYTES
    if _listed(file.name, stream, whole=whole) != _LEGACY_MAGIC:
        raise RefusedFormat(f"{file.name} holds a pickled object; reading one can run any code; {_WAY_OUT}")
    for _ in range(_LEGACY_PICKLES - 1):
        _listed(file.name, stream, whole=whole)


def _listed(name: str, stream: io.BytesIO, *, whole: bool) -> object:
    """List one pickle, refuse it when it names what no state dict has, and give its long number if it has one."""
    magic: object = None
    try:
        for operation, argument, _ in pickletools.genops(stream):
            if operation.name == "LONG1":
                magic = argument
            if operation.name in ("GLOBAL", "INST"):
                _check_global(name, str(argument))
            if operation.name == "STACK_GLOBAL":
                _check_global(name, "a class")
    except (ValueError, UnicodeDecodeError, EOFError) as e:
        if isinstance(e, RefusedFormat):
            raise
        if whole:
            raise BadClassifier(f"{name} is not a whole file of torch.save; save it again") from e
    return magic


def _check_global(name: str, found: str) -> None:
    if found.partition(" ")[0] not in _HARMLESS:
        told = found.replace(" ", ".")
        raise RefusedFormat(f"{name} holds a pickled object ({told}); reading one can run any code; {_WAY_OUT}")


def _check_members(file: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            infos = {info.filename.partition("/")[2]: info for info in archive.infolist()}
            if any(member.startswith("code/") or member == "constants.pkl" for member in infos):
                raise RefusedFormat(f"{file.name} is a TorchScript archive, which brings its own code; {_WAY_OUT}")
            if not infos.keys().isdisjoint({"archive_format", "serialized_exported_program.json"}):
                raise RefusedFormat(f"{file.name} is an exported program, which brings its own code; {_WAY_OUT}")
            info = infos.get("data.pkl")
            if info is None:
                raise BadClassifier(f"{file.name} is a zip, but not one of torch.save; {_WAY_OUT}")
            with archive.open(info) as member:
                listed = member.read(_PICKLE_BYTES)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as e:
        raise BadClassifier(f"{file.name} is not a whole file of torch.save ({e}); save it again") from e
    _listed(file.name, io.BytesIO(listed), whole=len(listed) < _PICKLE_BYTES)


def _header(file: Path) -> tuple[dict[str, Any], int]:
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 2 <= length <= min(_HEADER_BYTES, size - 8):
            raise BadClassifier(
                f"{file.name}: a header of {length:,} bytes in a file of {size:,}; this is no whole safetensors "
                "file, export it again"
            )
        header = opened.read(length)
    try:
        entries = json.loads(header)
        entries.pop("__metadata__", None)
        spans = sorted((int(entry["data_offsets"][0]), int(entry["data_offsets"][1])) for entry in entries.values())
        [tuple(int(side) for side in entry["shape"]) for entry in entries.values()]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as e:
        raise BadClassifier(f"{file.name}: its header is not that of safetensors; export it again") from e
    # Tensors lie one after the other; were they to overlap, a small file could be read for hours.
    edges = [0, *(last for _, last in spans)]
    if [first for first, _ in spans] != edges[:-1] or 8 + length + edges[-1] != size or edges != sorted(edges):
        raise BadClassifier(f"{file.name}: its tensors do not fill its {size:,} bytes; export it again")
    return entries, 8 + length


def _check_shapes(name: str, shapes: dict[str, tuple[int, ...]], spec: ClassifierSpec) -> None:
    own = SIGNATURES[spec.architecture]
    head = shapes.get(own.head, ())
    if len(shapes) != own.n_tensors or own.first not in shapes or head[1:] != (own.width,):
        fits = [kind for kind, one in SIGNATURES.items() if one.first in shapes and one.head in shapes]
        advice = f"they fit {', '.join(fits)}: give that name" if fits else f"registered are {', '.join(SIGNATURES)}"
        raise BadClassifier(f"{name}: weights do not fit {spec.architecture}; {advice}")
    if head[0] != spec.n_outputs:
        raise BadClassifier(
            f"{name}: weights give {head[0]} outputs, {len(spec.classes)} classes with a {spec.head} head need "
            f"{spec.n_outputs}; choose the data set whose classes the weights have"
        )
    if shapes[own.first][1:2] != (spec.channels,):
        raise BadClassifier(
            f"{name}: weights take {shapes[own.first][1:2]} channels, asked for {spec.channels}; choose the other"
        )


def _check_finite(file: Path, entries: dict[str, Any], start: int) -> None:
    numbers = np.memmap(file, dtype=np.uint8, mode="r", offset=start)
    for name, entry in entries.items():
        kind = _FLOATS.get(entry.get("dtype"))
        first, last = entry["data_offsets"]
        # Offsets that do not fit the shape are refused by the reader of the job.
        if kind is None or last - first != math.prod(entry["shape"]) * np.dtype(kind).itemsize or first < 0:
            continue
        # Copied, since numbers of a file need not lie at addresses that numpy takes.
        if not np.isfinite(np.frombuffer(numbers[first:last].tobytes(), kind)).all():
            raise BadClassifier(f"{file.name}: {name} holds NaN or an infinity; export the classifier again")


def _plain(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    for prefix in _PREFIXES:
        if shapes and all(name.startswith(prefix) for name in shapes):
            shapes = {name.removeprefix(prefix): shape for name, shape in shapes.items()}
    return shapes
