"""A zip, a folder or arrays as one stream of decoded images, with a finding for every file that is left out."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import Protocol

from datasets.archive import open_archive
from datasets.arrays import ArrayImage, ArrayImages, arrays_kind, open_arrays
from datasets.errors import BadArchive, BadDataset, BadImage
from datasets.findings import Finding, Kind
from datasets.folder import Folder
from datasets.image import Image
from datasets.jail import decode_many_jailed
from datasets.layout import Place, places
from datasets.limits import Limits
from datasets.raster import raster_type
from datasets.unlabelled import UNLABELLED, unlabelled_places

EXTENSIONS = {
    "png": (".png",),
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "tiff": (".tif", ".tiff"),
    "bmp": (".bmp", ".dib"),
    "dicom": (".dcm", ".dicom", ".ima"),
}
"""What a file of each type may be called; a name without an extension says nothing wrong."""
_DICOM_MARK = slice(128, 132)
_HEAD_BYTES = 132
_ZIP_MAGIC = b"PK"


@dataclass(frozen=True, eq=False)
class Decoded:
    """One image of a source: where it belongs, the hash of its file, its levels."""

    place: Place
    sha256: str
    image: Image


class Source(Protocol):
    """Images in a fixed order, read once.

    Attributes:
        kind: what the source is: "zip", "folder", ...
        n_files: how many files (or rows of arrays) it has.
        findings: about files; complete after `images` has ended.
    """

    kind: str
    n_files: int
    findings: list[Finding]

    def images(self) -> Iterator[Decoded]:
        """The usable images, decoded."""
        ...

    def usable_labels(self) -> Iterator[str]:
        """The class of every file that is looked at and found usable, or "" for one that is not.

        A file of each class in turn, so that two classes are soon found where there are two. `findings` may tell of
        files twice afterwards.
        """
        ...


class Files(Protocol):
    """Files by name; `ignored` names those that hold no image for anybody."""

    ignored: tuple[str, ...]

    def names(self) -> tuple[str, ...]:
        """Those that are not ignored."""
        ...

    def size(self, name: str) -> int:
        """Bytes of one."""
        ...

    def read(self, name: str) -> bytes:
        """The bytes of one."""
        ...


class FileSource:
    """Files by name, decoded in a jailed child process; `placed` tells which class and split each belongs to."""

    def __init__(self, kind: str, files: Files, placed: Callable[[Sequence[str]], list[Place]]) -> None:
        names = files.names()
        self.kind = kind
        self.n_files = len(names) + len(files.ignored)
        self.findings = [Finding(Kind.IGNORED, name, "holds no image for anybody") for name in files.ignored]
        self._places = placed(sorted(names))
        self._files = files
        self._limits = Limits()

    def images(self) -> Iterator[Decoded]:
        """The usable images, decoded, by name."""
        waiting: deque[tuple[Place, str, bytes]] = deque()

        def files() -> Iterator[tuple[str, bytes]]:
            for place in self._places:
                data = self._bytes_of(place)
                if data is not None:
                    waiting.append((place, sha256(data).hexdigest(), data[:_HEAD_BYTES]))
                    yield place.name, data

        for name, image in decode_many_jailed(files(), limits=self._limits):
            place, digest, head = waiting.popleft()
            if isinstance(image, BadImage):
                self._note(_kind_of(head, image), name, str(image).removeprefix(f"{name}: "))
                continue
            suffix = PurePosixPath(name).suffix.lower()
            if suffix and suffix not in EXTENSIONS[image.file_type]:
                self._note(Kind.WRONG_EXTENSION, name, f"named {suffix}, is {image.file_type}; used as what it is")
            yield Decoded(place, digest, image)

    def usable_labels(self) -> Iterator[str]:
        """The class of each file, or "" where it cannot be used; one of each class in turn."""
        by_label: dict[str, list[Place]] = {}
        for place in self._places:
            if place.label:
                by_label.setdefault(place.label, []).append(place)
        in_turn = [one for row in zip_longest(*by_label.values()) for one in row if one is not None]
        labels: deque[str] = deque()

        def files() -> Iterator[tuple[str, bytes]]:
            for place in in_turn:
                data = self._bytes_of(place)
                if data is not None:
                    labels.append(place.label)
                    yield place.name, data

        for _, image in decode_many_jailed(files(), limits=self._limits):
            label = labels.popleft()
            yield "" if isinstance(image, BadImage) else label

    def _bytes_of(self, place: Place) -> bytes | None:
        """The bytes of a file that is worth decoding; otherwise a finding says why not."""
        try:
            size = self._files.size(place.name)
            if not place.label:
                self._note(Kind.NO_CLASS, place.name, place.reason)
            elif size == 0:
                self._note(Kind.EMPTY, place.name, "0 bytes; send it again")
            elif size > self._limits.max_bytes:
                self._note(
                    Kind.OVERSIZED, place.name, f"{size:,} bytes, at most {self._limits.max_bytes:,}; scale it down"
                )
            else:
                return self._files.read(place.name)
        except (BadArchive, OSError) as e:
            self._note(Kind.BROKEN, place.name, str(e).removeprefix(f"{place.name}: "))
        return None

    def _note(self, kind: Kind, name: str, detail: str) -> None:
        self.findings.append(Finding(kind, name, detail))


class ArraySource:
    """Rows of arrays, read and checked in a jailed child process before the first is given."""

    def __init__(self, rows: ArrayImages, *, unlabelled: bool) -> None:
        self.kind = rows.kind
        self.n_files = len(rows) + len(rows.ignored)
        self.findings = [Finding(Kind.IGNORED, name, "an array of neither images nor labels") for name in rows.ignored]
        self._rows = rows
        self._unlabelled = unlabelled

    def images(self) -> Iterator[Decoded]:
        """The images in the order of the arrays; a row has no file, so its hash is that of its levels."""
        for row in self._rows:
            image = Image(row.levels, row.bits, self.kind)
            yield Decoded(self._place(row), sha256(row.levels.tobytes()).hexdigest(), image)

    def usable_labels(self) -> Iterator[str]:
        """The class of each row; every row was checked when the arrays were opened."""
        yield from (self._place(row).label for row in self._rows)

    def _place(self, row: ArrayImage) -> Place:
        return Place(row.name, UNLABELLED, None) if self._unlabelled else Place(row.name, row.label, row.split)


@contextmanager
def open_source(path: Path, *, workdir: Path | None = None, unlabelled: bool = False) -> Iterator[Source]:
    """The images of a zip or of a folder of class folders, or of arrays.

    Args:
        path: what it is is told by its content, not by its name.
        workdir: where large arrays are unpacked while the block lasts.
        unlabelled: take every image as one of the class `UNLABELLED`, whatever folders, names or labels say.

    Raises:
        BadDataset: there is nothing at `path`, or nothing that can be imported.
        BadArchive: the zip cannot be opened safely.
        BadArrays: the arrays are no images with labels.
    """
    if not path.exists():
        raise BadDataset(f"{path.name}: no such file or folder; check the name.")
    placed = unlabelled_places if unlabelled else places
    if arrays_kind(path):
        with open_arrays(path, workdir=workdir, labelled=not unlabelled) as rows:
            yield ArraySource(rows, unlabelled=unlabelled)
    elif path.is_dir():
        yield FileSource("folder", Folder(path), placed)
    elif _head(path).startswith(_ZIP_MAGIC) or path.suffix.lower() == ".zip":
        # A file that is only called a zip is told as one that is broken.
        with open_archive(path) as archive:
            yield FileSource("zip", archive, placed)
    else:
        step = "put the images of each class in a folder of its name and zip these folders"
        raise BadDataset(
            f"{path.name}: neither a folder nor a zip of class folders, nor arrays (.npz, .h5, MNIST IDX); "
            f"{'put the scans in a folder and zip it' if unlabelled else step}."
        )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _kind_of(head: bytes, error: BadImage) -> Kind:
    if raster_type(head) is None and head[_DICOM_MARK] != b"DICM":
        return Kind.UNSUPPORTED
    # The decoder says in words only that the size was refused; a test holds the two together.
    return Kind.OVERSIZED if "pixels, at most" in str(error) else Kind.BROKEN
