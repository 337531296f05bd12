"""What a file that was sent in is called: for display, and for the messages of whoever reads it."""

import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

_NAME_LENGTH = 120
_NAME_BYTES = 240  # A file system takes 255; a Chinese sign has three.


def shown_name(name: str | None) -> str:
    """A sender's name for a file, fit for display and for a folder: its last part, without control signs.

    The end is kept of one that is too long, since the suffix says what the file is.
    """
    last = PurePosixPath(unicodedata.normalize("NFC", name or "").replace("\\", "/")).name
    kept = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C").strip()[-_NAME_LENGTH:]
    while len(kept.encode()) > _NAME_BYTES:
        kept = kept[1:]
    return "unnamed" if kept.strip(".") == "" else kept


@contextmanager
def called(path: Path, name: str | None) -> Iterator[Path]:
    """A stored file under the name that its sender gave it, so that what is said and written of it names that."""
    if not name:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="scangate-name-") as folder:
        link = Path(folder) / shown_name(name)
        link.symlink_to(path.resolve())
        yield link
