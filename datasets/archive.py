"""Reading a zip that a stranger sent, member by member and never onto the disk."""

import lzma
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from datasets.errors import BadArchive

_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
_CHUNK_BYTES = 1 << 20
_LOCAL_HEADER_BYTES = 30
_NAME_LENGTH = 1024
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NESTED = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".jar")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """How much an archive may ask of us; sizes are those after inflating.

    A member over `max_member_bytes` is refused when it is read, so that the others of the archive can be used.

    The ratio counts only from `ratio_from_bytes` on: a small blank picture may shrink a thousandfold in all innocence.
    """

    max_members: int = 200_000
    max_member_bytes: int = 64 << 20
    max_total_bytes: int = 16 << 30
    max_ratio: int = 200
    ratio_from_bytes: int = 16 << 20


class Archive:
    """An open zip whose every member passed the guards; names are NFC with forward slashes."""

    def __init__(
        self,
        file: zipfile.ZipFile,
        members: Mapping[str, zipfile.ZipInfo],
        *,
        ignored: tuple[str, ...],
        limits: ArchiveLimits,
    ) -> None:
        self._file = file
        self._members = members
        self._limits = limits
        self.ignored = ignored

    def names(self) -> tuple[str, ...]:
        """The names of the files, in the order of the archive, without those in `ignored`."""
        return tuple(self._members)

    def size(self, name: str) -> int:
        """Bytes of a member after inflating, as the archive states them; reading holds it to that."""
        return self._info(name).file_size

    def read(self, name: str) -> bytes:
        """All bytes of a member.

        Raises:
            BadArchive: no such member, over the limit, broken, or longer or shorter than the archive states.
        """
        stated = self.size(name)
        if stated > self._limits.max_member_bytes:
            raise BadArchive(
                f"{name}: {stated:,} bytes after inflating, at most {self._limits.max_member_bytes:,} a file are "
                "accepted; scale the image down"
            )
        content = bytearray()
        with reading(name), self.stream(name) as member:
            while len(content) <= stated and (chunk := member.read(_CHUNK_BYTES)):
                content += chunk
        if len(content) != stated:
            raise BadArchive(f"{name}: {len(content):,} bytes, the zip states {stated:,}; zip the files again")
        return bytes(content)

    def stream(self, name: str) -> IO[bytes]:
        """A member of any size to be read in pieces inside a `with reading(name)`; close it."""
        info = self._info(name)
        with reading(name):
            return self._file.open(info)

    def _info(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise BadArchive(f"{name}: no such file in the zip")
        return self._members[name]


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what zipfile raises on broken bytes into a BadArchive that names the member; wrap reading and no more."""
    try:
        yield
    except _ZIP_ERRORS as error:
        if isinstance(error, BadArchive):
            raise
        raise BadArchive(f"{name}: cannot be read from the zip ({error}); zip the files again") from error


@contextmanager
def open_archive(path: Path, limits: ArchiveLimits | None = None) -> Iterator[Archive]:
    """Open a zip after checking its whole directory, before any member is read.

    Raises:
        BadArchive: not a zip, or a member that leaves the folder, links, is encrypted, is an archive itself, overlaps
            another, or the whole inflates beyond the limits. One such member refuses the whole: it is no accident.
    """
    try:
        file = zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        raise BadArchive(f"{path.name}: not a zip that can be read ({error}); zip the folder again") from error
    with file:
        yield _checked(file, limits or ArchiveLimits())


def _checked(file: zipfile.ZipFile, limits: ArchiveLimits) -> Archive:
    infos = file.infolist()
    if len(infos) > limits.max_members:
        raise BadArchive(f"{len(infos):,} members, at most {limits.max_members:,} are accepted; send several zips")
    members: dict[str, zipfile.ZipInfo] = {}
    ignored: list[str] = []
    for info in infos:
        name = _checked_name(info.filename)
        _check_kind(name, info)
        _check_ratio(name, info.file_size, info.compress_size, limits)
        if info.is_dir():
            continue
        if _is_litter(name):
            ignored.append(name)
            continue
        if name in members:
            raise BadArchive(f"{name}: is in the zip twice; zip the files again")
        members[name] = info
    _check_overlap(infos)
    _check_total(infos, limits)
    return Archive(file, members, ignored=tuple(ignored), limits=limits)


def _checked_name(raw: str) -> str:
    # Some programs for Windows write backslashes; on every other system they would be part of a name.
    name = unicodedata.normalize("NFC", raw.replace("\\", "/"))
    if _CONTROL.search(name) or not name or len(name) > _NAME_LENGTH:
        raise BadArchive(f"{name[:80]!r}: a name that is empty, too long or holds control characters; rename the file")
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/"):
        raise BadArchive(f"{name[:200]}: a name that leads out of the folder; zip the files with relative names")
    return name


def _check_kind(name: str, info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadArchive(f"{name}: a link or a special file; zip the files themselves")
    if info.flag_bits & _ENCRYPTED:
        raise BadArchive(f"{name}: encrypted; zip the files without a password")
    if info.compress_type not in _METHODS:
        raise BadArchive(
            f"{name}: compression method {info.compress_type}, expected deflate; zip with the usual method"
        )
    if name.lower().endswith(_NESTED) and not _is_litter(name):
        raise BadArchive(f"{name}: an archive inside the archive; unpack it and zip the files themselves")


def _check_total(infos: list[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    total = sum(info.file_size for info in infos)
    if total > limits.max_total_bytes:
        raise BadArchive(
            f"the zip: {total:,} bytes after inflating, at most {limits.max_total_bytes:,} are accepted; "
            "send several zips"
        )
    _check_ratio("the zip", total, sum(info.compress_size for info in infos), limits)


def _check_ratio(name: str, inflated: int, packed: int, limits: ArchiveLimits) -> None:
    if inflated >= limits.ratio_from_bytes and inflated > limits.max_ratio * packed:
        raise BadArchive(
            f"{name}: {packed:,} bytes would inflate to {inflated:,}, more than {limits.max_ratio} to 1 (a zip bomb?); "
            "zip the images themselves"
        )


def _check_overlap(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse members that share bytes: so one small block would inflate again and again."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for info, following in pairwise(ordered):
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > following.header_offset:
            raise BadArchive(f"{following.filename[:200]}: overlaps {info.filename[:200]}; zip the files again")


def _is_litter(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")
