"""What can be asked of an artefact that has no history: whether it ever had one, and whether it is what its id says.

A history that is deleted must not open the door that it kept shut. One that is missing is no proof of an artefact made
before there were any, so that what the artefact itself and its neighbours still tell is asked.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from datasets.errors import DamagedStore
from datasets.found import id_found
from pipeline.errors import BrokenHistory
from pipeline.provenance.chain import HISTORY, START_ANEW, subject_of
from pipeline.provenance.manifest import FILES


def check_unrecorded(folder: Path, *, levels: bool = True) -> None:
    """Refuse an artefact without a history that had one, or that is not what its id was made from.

    The id of a data set is a hash of the names, pictures, labels and splits in order, and is made again from what lies
    there; those of classifiers, detectors and gates are made again where they are opened. That of an adversarial set
    names what was to be built and not the rows that came of it, so that for it only its descendants can speak.

    Args:
        folder: of the artefact, whose history was not found.
        levels: whether every level is hashed, or what the manifest says of them is taken as it is.

    Raises:
        BrokenHistory: the history of another artefact names an event of it; or its id is another.
    """
    way_out = START_ANEW.format(id=folder.name)
    for child in _descendants(folder):
        raise BrokenHistory(
            f"{subject_of(folder)}: no history is there, though {child} was made of it when there was one: it was "
            f"removed; {way_out}"
        )
    if folder.parent.name != "datasets":
        return
    # First as it is written, which takes no time; then as it is, so that a hash that was changed is found as well.
    for hashed in (False, True) if levels else (False,):
        try:
            said, found = id_found(folder, levels=hashed)
        except DamagedStore as e:
            raise BrokenHistory(f"{subject_of(folder)}: no history is there, and {e}; {way_out}") from e
        if said == found == folder.name:
            continue
        raise BrokenHistory(
            f"{subject_of(folder)}: no history is there, and its pictures, labels and splits make the id {found}: it "
            f"was changed since it was made; {way_out}"
        )


def _descendants(folder: Path) -> Iterator[str]:
    """Those under the same data root whose histories name an event of this artefact."""
    subject, root = subject_of(folder), folder.parent.parent
    for kind in FILES:
        for path in sorted((root / kind).glob(f"*/{HISTORY}")):
            if path.parent != folder and any(subject == name for name in _named(path, subject.encode())):
                yield subject_of(path.parent)


def _named(path: Path, sought: bytes) -> Iterator[str]:
    """What the events of a history were made of that had one; a line that cannot be read tells nothing."""
    try:
        lines = [line for line in path.read_bytes().splitlines() if sought in line]
    except OSError:
        return
    for line in lines:
        try:
            parents = json.loads(line)["what"]["parents"]
            yield from (parent["subject"] for parent in parents if parent["head"] is not None)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
