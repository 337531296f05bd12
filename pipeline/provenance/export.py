"""What is told of an artefact's provenance to others, in the standard that its kind has."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datasets.atomic import read_json
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import UnknownArtefact
from pipeline.provenance.chain import read_history, subject_of
from pipeline.provenance.croissant import croissant
from pipeline.provenance.cyclonedx import DataPart, cyclonedx
from pipeline.provenance.event import Event
from pipeline.provenance.manifest import manifest_of
from pipeline.provenance.record import checked


def exported(folder: Path, root: DataRoot, *, said: Mapping[str, str] | None = None) -> dict[str, object]:
    """A data set as Croissant 1.1, a classifier as a CycloneDX 1.6 bill of materials.

    Args:
        folder: of the artefact.
        root: where it and its data sets lie.
        said: `license`, `creator`, `url` and `citeAs` of a data set, which its files do not say.

    Raises:
        NoHistory: it has none.
        BrokenHistory: it is not what its history says; nothing is told of such.
        UnknownArtefact: it is of another kind.
    """
    events = read_history(folder, root)
    checked(folder)
    files, kind = manifest_of(folder).files, folder.parent.name
    if kind == "datasets":
        return croissant(open_dataset(folder), events, files, said=said)
    if kind != "models":
        raise UnknownArtefact(f"{subject_of(folder)}: only data sets and classifiers are exported; name one of those")
    described: Any = read_json(folder / "classifier.json")
    return cyclonedx(subject_of(folder), described, events, files, _learned_from(events, root))


def _learned_from(events: tuple[Event, ...], root: DataRoot) -> Iterator[DataPart]:
    manifests = {parent["subject"]: parent["manifest"] for event in events for parent in event.what.get("parents", ())}
    for subject, manifest in manifests.items():
        facts = {} if manifest is None else {"history.manifest": manifest}
        folder = root.path / subject
        if not folder.is_dir():
            yield DataPart(subject, folder.name, {}, facts)
            continue
        dataset = open_dataset(folder)
        facts |= {"images": len(dataset), "classes": ", ".join(dataset.classes)}
        yield DataPart(subject, dataset.name, manifest_of(folder).files, facts)
