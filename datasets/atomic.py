"""Files that are whole or absent, and ids made from content."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_ID_HEX = 16
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, renamed onto `path` when the block ends well.

    The block may create the file by any means. When it raises, `path` is as it was and nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    try:
        yield beside
        _flush(beside)
        beside.replace(path)
        _flush(path.parent)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, *, keep: str = "") -> Iterator[Path]:
    """An empty folder beside `path` to fill, renamed to `path` when the block ends well.

    An older folder at `path` is moved aside first and removed afterwards; it comes back when the renaming fails.
    Files in it that match the pattern `keep` come along.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    beside.mkdir(mode=0o755)
    try:
        yield beside
        for kept in path.glob(keep) if keep else ():
            shutil.copy2(kept, beside / kept.name)
        for file in sorted(beside.rglob("*")):
            _flush(file)
        _flush(beside)
        _swap(beside, path)
        _flush(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def content_id(value: object) -> str:
    """An id of 16 hex digits that depends on nothing but a JSON value.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON cannot say.
        TypeError: the value is not made of JSON's types.
    """
    return hashlib.sha256(canonical_json(value)).hexdigest()[:_ID_HEX]


def canonical_json(value: object) -> bytes:
    """The one way of ours to write a JSON value: sorted keys, no spaces, UTF-8; equal values give equal bytes.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON cannot say.
        TypeError: the value is not made of JSON's types.
    """
    return _CANONICAL.encode(value).encode("utf-8")


def write_json(path: Path, value: object) -> None:
    """Write a JSON value for people and programs, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(path) as beside:
        beside.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> object:
    """The JSON value of a file.

    Raises:
        OSError: there is no such file.
        ValueError: the file is not JSON.
    """
    value: object = json.loads(path.read_text(encoding="utf-8"))
    return value


def _beside(path: Path) -> Path:
    """An unused name in the same folder, so that the renaming never crosses file systems."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as e:
        e.filename = str(path)  # What was asked for; a name that we made up would tell nobody anything.
        raise
    os.close(handle)
    Path(name).unlink()
    return Path(name)


def _swap(fresh: Path, path: Path) -> None:
    if not path.exists():
        fresh.rename(path)
        return
    old = _beside(path)
    path.rename(old)
    try:
        fresh.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _flush(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
