"""A folder of files, read by name like an archive."""

import os
from pathlib import Path

_LITTER = (".DS_Store", "Thumbs.db", "desktop.ini")


class Folder:
    """The files below a folder; links and special files are refused when they are read."""

    def __init__(self, folder: Path) -> None:
        self._paths: dict[str, Path] = {}
        ignored = []
        for root, _, files in os.walk(folder):
            for file in files:
                path = Path(root, file)
                # Names that are no text in UTF-8 are written with escapes, as the manifest cannot hold them.
                name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")
                if file in _LITTER:
                    ignored.append(name)
                else:
                    self._paths[name] = path
        self.ignored = tuple(sorted(ignored))

    def names(self) -> tuple[str, ...]:
        """The names of the files, relative and with forward slashes, without those in `ignored`."""
        return tuple(self._paths)

    def size(self, name: str) -> int:
        """The size of a file in bytes.

        Raises:
            OSError: a link or a special file, or one that is gone.
        """
        path = self._paths[name]
        if path.is_symlink() or not path.is_file():
            raise OSError("a link or a special file; put the file itself there")
        return path.stat().st_size

    def read(self, name: str) -> bytes:
        """The bytes of a file, after `size` has taken it.

        Raises:
            OSError: it cannot be read.
        """
        return self._paths[name].read_bytes()
