"""What the rest of the house asks of histories: write one on, check one, and vouch for an artefact."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from datasets.errors import DamagedStore
from datasets.progress import Progress, ignore
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory, UnknownArtefact
from pipeline.provenance.chain import HISTORY, append_event, read_history, set_aside, subject_of
from pipeline.provenance.differences import named_differences
from pipeline.provenance.event import UNNAMED, Event, EventKind, Parent
from pipeline.provenance.manifest import FILES, Manifest, manifest_found, manifest_of
from pipeline.provenance.unrecorded import check_unrecorded
from pipeline.provenance.verification import verify

_NAMED = 3
_WRITTEN_ANEW = (EventKind.IMPORT, EventKind.ATTACK)


def artefact(root: DataRoot, id_or_prefix: str) -> Path:
    """The folder of an artefact that keeps a history by its id, the beginning of one, or "<kind>/<id>".

    Raises:
        UnknownArtefact: there is none, or more than one.
    """
    root.check_there()
    kind, _, name = id_or_prefix.rpartition("/")
    found = []
    for one in [kind] if kind else FILES:
        with suppress(UnknownArtefact):
            found.append(root.find(one, name))
    exact = [folder for folder in found if folder.name == name] or found
    if len(exact) != 1:
        said = f"is the beginning of ids in {len(found)} of" if found else "begins no single id in"
        raise UnknownArtefact(
            f"{name!r} {said} {', '.join(FILES)} of {root.path}; give it whole, or as datasets/{name}"
        )
    return exact[0]


def has_history(folder: Path) -> bool:
    """Whether an artefact has a history, whole or not."""
    return (folder / HISTORY).exists()


def recorded(
    folder: Path,
    root: DataRoot,
    kind: EventKind,
    *,
    by: str = UNNAMED,
    facts: Mapping[str, object] | None = None,
    parents: Iterable[Parent] = (),
) -> Event:
    """Write into an artefact's history what was done to it; its first event begins the history.

    Only an import, and the building of an adversarial set, may find the artefact other than the newest event left it,
    since they write it anew.

    Args:
        folder: of the artefact, as it is now.
        root: signs.
        kind: what was done.
        by: who did it, in words.
        facts: JSON values from which it could be done again: recipe, seed, digest of indices.
        parents: what it was made of, as `checked` gave them before the work began.

    Raises:
        BrokenHistory: the history is not whole, or the artefact not what it says; nothing is added.
    """
    if kind not in _WRITTEN_ANEW:
        checked(folder)
    return _appended(folder, root, kind, by, facts or {}, parents)


def _appended(
    folder: Path, root: DataRoot, kind: EventKind, by: str, facts: Mapping[str, object], parents: Iterable[Parent]
) -> Event:
    now = manifest_of(folder)
    now.write(folder)
    made_of = [parent.to_json() for parent in parents]
    what = {**facts, **({"parents": made_of} if made_of else {}), "manifest": now.root}
    return append_event(folder, root, kind, by=by, what=what)


def checked(folder: Path) -> Parent:
    """An artefact that something is about to be made of, after its history and the hashes of its files were checked.

    One that has no history, made by an earlier version, is let through and says so, where it is what its id says and
    nothing tells that it had one. Asked is the key of the data root that the artefact lies in, which need not be that
    of what is made of it.

    Raises:
        BrokenHistory: its history is not whole, or was removed, or it is not what its history or its id says.
    """
    try:
        events = read_history(folder, DataRoot(folder.parent.parent))
    except NoHistory:
        check_unrecorded(folder)
        return Parent(subject_of(folder), None, None)
    now, signed = _as_it_lies(folder), events[-1].manifest
    if now.root != signed:
        told = named_differences(now, Manifest.read(folder, signed))
        more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
        raise BrokenHistory(
            f"{subject_of(folder)} is not what its history says: {'; '.join(told[:_NAMED])}{more}; bring it back from "
            f"a backup or import it again, `python -m pipeline verify {folder.name}` names everything"
        )
    return Parent(subject_of(folder), events[-1].sha256, signed)


def check_linked(folder: Path) -> None:
    """Refuse an artefact whose history does not hang together or was removed; no file of it is hashed.

    This takes little time, so that an order or a page can ask it. It stands in for no `checked`, by which the work
    itself begins.

    Raises:
        BrokenHistory: as `checked` does, but for what only the hashes of the files tell.
    """
    try:
        read_history(folder, DataRoot(folder.parent.parent))
    except NoHistory:
        check_unrecorded(folder, levels=False)


def trust(
    folder: Path,
    root: DataRoot,
    *,
    by: str,
    why: str,
    anew: bool = False,
    facts: Mapping[str, object] | None = None,
    progress: Progress = ignore,
) -> Event:
    """Vouch for an artefact as it is: what changes later is told against this. Begins a history where there is none.

    Args:
        folder: of the artefact.
        root: signs.
        by: who vouches.
        why: in words.
        anew: set a history that is not whole aside, or do without one that was removed, and begin another, which
            says so.
        facts: JSON values beside those, such as the items of a trusted subset.
        progress: called now and then; may raise to cancel.

    Raises:
        BrokenHistory: the artefact is not what its history says.
    """
    said = {**(facts or {}), "why": why}
    if not has_history(folder):
        said |= _without(folder, anew=anew)
        _check_levels(folder, progress)
    elif not (found := verify(folder, root, progress=progress)).ok:
        told = "; ".join(found.differences[:_NAMED])
        if not anew:
            raise BrokenHistory(f"{subject_of(folder)} cannot be trusted: {told}; bring it back or import it again")
        _check_levels(folder, progress)
        said |= {"instead_of": set_aside(folder), "because": told}
    return _appended(folder, root, EventKind.TRUST, by, said, ())


def _without(folder: Path, *, anew: bool) -> dict[str, object]:
    """What is said of a history that is not there, where there was one."""
    try:
        check_linked(folder)
    except BrokenHistory as e:
        if not anew:
            raise
        return {"because": str(e)}
    return {}


def _check_levels(folder: Path, progress: Progress) -> None:
    """What somebody vouches for must hang together: the manifest has to name the levels that lie there."""
    said = _as_it_lies(folder)
    try:
        found = manifest_found(folder, said, strict=True, progress=progress)
    except DamagedStore as e:
        raise BrokenHistory(f"{subject_of(folder)} cannot be trusted: {e}; import the source again") from e
    if found.root != said.root:
        told = "; ".join(named_differences(found, said)[:_NAMED])
        raise BrokenHistory(
            f"{subject_of(folder)} cannot be trusted, its levels are not those that its manifest names: {told}; "
            "import the source again"
        )


def _as_it_lies(folder: Path) -> Manifest:
    try:
        return manifest_of(folder)
    except DamagedStore as e:
        raise BrokenHistory(
            f"{subject_of(folder)} is not what its history says: {e}; bring it back from a backup or import it again"
        ) from e
