"""Where artefacts lie: one data root, one folder a kind, one folder an id."""

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UnknownArtefact

KINDS = ("uploads", "datasets", "trusted", "models", "adversarial", "detectors", "gates", "reports", "work")

# So many ids are named where one is not found.
_SHOWN = 5
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]*")


@dataclass(frozen=True)
class DataRoot:
    """The folder that holds every artefact; the folders of kinds are made when first asked for."""

    path: Path

    @property
    def uploads(self) -> Path:
        """Files as they were sent, before they are read."""
        return self._made("uploads")

    @property
    def datasets(self) -> Path:
        """Data sets, imported."""
        return self._made("datasets")

    @property
    def trusted(self) -> Path:
        """Subsets of data sets that somebody vouches for."""
        return self._made("trusted")

    @property
    def models(self) -> Path:
        """Classifiers, trained or imported."""
        return self._made("models")

    @property
    def adversarial(self) -> Path:
        """Adversarial sets."""
        return self._made("adversarial")

    @property
    def detectors(self) -> Path:
        """Detectors, trained."""
        return self._made("detectors")

    @property
    def gates(self) -> Path:
        """Gates, compiled and released."""
        return self._made("gates")

    @property
    def reports(self) -> Path:
        """Reports in JSON."""
        return self._made("reports")

    @property
    def work(self) -> Path:
        """Unfinished work that can be taken up again."""
        return self._made("work")

    @property
    def keys(self) -> Path:
        """What this data root signs with, for its owner alone."""
        folder = self.path / "keys"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def check_there(self) -> None:
        """Refuse a data root that is not there, where something in it is asked for.

        Raises:
            UnknownArtefact: names the folder, and the settings that name it.
        """
        if not self.path.exists():
            raise UnknownArtefact(
                f"there is no data root {self.path.absolute()}; on the command line --root names another one, and"
                " SCANGATE_DATA_ROOT does so for the web application; import-dataset begins one"
            )

    def find(self, kind: str, id_or_prefix: str) -> Path:
        """The folder of the artefact with this id, or with the only id that starts so.

        Raises:
            UnknownArtefact: no such kind, nothing found, or several ids start so.
        """
        if kind not in KINDS:
            raise UnknownArtefact(f"{kind!r} is no kind of artefact; kinds are {', '.join(KINDS)}")
        if not _ID.fullmatch(id_or_prefix):
            raise UnknownArtefact(f"{id_or_prefix!r} is no id: an id is made of letters, digits, '.', '_' and '-'")
        self.check_there()
        home = self.path / kind  # Not made here: who only looks leaves nothing behind.
        if (home / id_or_prefix).is_dir():
            return home / id_or_prefix
        found = sorted(path for path in _folders(home) if path.name.startswith(id_or_prefix))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found[:_SHOWN])
            raise UnknownArtefact(f"{id_or_prefix!r} begins {len(found)} ids in {kind}: {names}; give more of the id")
        there = ", ".join(sorted(path.name for path in _folders(home))[:_SHOWN]) or "none"
        raise UnknownArtefact(f"no {id_or_prefix!r} in {kind} of {self.path}; there are {there}")

    def newest(self, kind: str) -> Path:
        """The folder of the artefact of this kind that was written last.

        Raises:
            UnknownArtefact: there is none yet.
        """
        self.check_there()
        folders = _folders(self.path / kind)
        if not folders:
            raise UnknownArtefact(f"no {kind} under {self.path} yet; make one first, or name another root")
        return max(folders, key=lambda folder: folder.stat().st_mtime_ns)

    def _made(self, kind: str) -> Path:
        folder = self.path / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _folders(home: Path) -> list[Path]:
    if home.parent.is_file():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(home.parent))
    if not home.is_dir():
        return []
    return [path for path in home.iterdir() if path.is_dir() and _ID.fullmatch(path.name)]
