"""A data set and its history as Croissant 1.1, the JSON-LD by which machine-learning data are described.

https://github.com/mlcommons/croissant, docs/croissant-spec-1.1.md. Provenance is told in PROV-O, as the specification
recommends. What only people know (licence, creator, address) is left out where nobody says it.
"""

from collections.abc import Iterable, Mapping

from datasets.splits import DROPPED, SPLITS
from datasets.store import LEVELS, MANIFEST, Dataset
from pipeline.provenance.event import Event, EventKind

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
SAID: Mapping[str, str] = {
    "license": "the address of its licence",
    "creator": "the organisation that made it",
    "url": "where it is described",
    "cite": "what to cite for it",
}
"""What only people know of a data set, by how it is asked for, with what to give."""

_CALLED = {"cite": "citeAs"}  # In Croissant; the others are called there as here.
_TEXT, _INTEGER = "sc:Text", "sc:Integer"
# What Croissant names of our splits; the others are named by themselves.
_SPLIT_URLS = {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
_IN_CROISSANT = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
CONTEXT: Mapping[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{word: f"cr:{word}" for word in _IN_CROISSANT},
}


def said_of(given: Mapping[str, str | None]) -> dict[str, str]:
    """What was given of `SAID`, by Croissant's own names; what is left empty is left out."""
    return {_CALLED.get(name, name): value for name in SAID if (value := (given.get(name) or "").strip())}


def croissant(
    dataset: Dataset,
    events: Iterable[Event],
    files: Mapping[str, str],
    *,
    said: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """The description of a data set, for a file beside its own.

    Args:
        dataset: what is described.
        events: its history.
        files: the SHA-256 of its files by name.
        said: `license`, `creator`, `url` and `citeAs`, where somebody gave them.
    """
    told, made = dict(said or {}), [event for event in events if event.kind is not EventKind.TRUST]
    known: dict[str, object] = {key: told[key] for key in ("license", "url", "citeAs") if key in told}
    if "creator" in told:
        known["creator"] = {"@type": "Organization", "name": told["creator"]}
    counts = ", ".join(f"{split} {sum(row)}" for split, row in dataset.counts().items() if sum(row))
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "identifier": dataset.id,
        "name": dataset.name,
        "description": f"{len(dataset)} images of {len(dataset.classes)} classes, as Scangate keeps them: {counts}.",
        "version": "1.0.0",  # What is changed gets another id, and so is another data set.
        **known,
        **({"dateCreated": made[0].at, "datePublished": made[0].at} if made else {}),
        "prov:wasDerivedFrom": list(_origins(dataset, made)),
        "prov:wasGeneratedBy": [_activity(event) for event in made],
        "distribution": [
            _file(LEVELS, "application/x-hdf5", "The decoded levels, one flat array with offsets and shapes.", files),
            _file(MANIFEST, "application/json", "Name, label, split and hashes of every image, in order.", files),
        ],
        "recordSet": [_splits(), _classes(dataset), _images()],
    }


def urn(subject: str) -> str:
    """What an artefact is called outside, as "urn:scangate:datasets:<id>"."""
    return f"urn:scangate:{subject.replace('/', ':')}"


def _origins(dataset: Dataset, made: list[Event]) -> Iterable[dict[str, object]]:
    parents = {parent["subject"] for event in made for parent in event.what.get("parents", ())}
    if parents:
        for parent in sorted(parents):
            yield {"@id": urn(parent), "@type": "prov:Entity"}
        return
    digest = next((event.what["source_sha256"] for event in reversed(made) if "source_sha256" in event.what), None)
    label = str(dataset.source.get("name", dataset.source["kind"]))
    origin: dict[str, object] = {"@type": "prov:Entity", "prov:label": label}
    yield {**origin, "sha256": digest} if digest else origin


def _activity(event: Event) -> dict[str, object]:
    return {
        "@type": "prov:Activity",
        "@id": f"urn:sha256:{event.sha256}",
        "prov:label": event.kind.value,
        "prov:endedAtTime": event.at,
        "prov:wasAssociatedWith": {"@type": "prov:Agent", "prov:label": event.by},
    }


def _file(name: str, encoding: str, description: str, files: Mapping[str, str]) -> dict[str, object]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": description,
        "contentUrl": name,
        "encodingFormat": encoding,
        "sha256": files[name],
    }


def _splits() -> dict[str, object]:
    rows = [{"splits/name": split, "splits/url": _SPLIT_URLS.get(split, "cr:Split")} for split in (*SPLITS, DROPPED)]
    fields = [_inline("splits/name", _TEXT), _inline("splits/url", "sc:URL")]
    return _set("splits", "cr:Split", "splits/name", fields, rows)


def _classes(dataset: Dataset) -> dict[str, object]:
    rows = [{"classes/label": label, "classes/name": name} for label, name in enumerate(dataset.classes)]
    fields = [_inline("classes/label", _INTEGER), _inline("classes/name", _TEXT)]
    return _set("classes", "sc:Enumeration", "classes/label", fields, rows)


def _images() -> dict[str, object]:
    fields = [
        _read("name", _TEXT),
        {**_read("label", [_INTEGER, "cr:Label"]), "references": {"field": {"@id": "classes/label"}}},
        {**_read("split", _TEXT), "references": {"field": {"@id": "splits/name"}}},
        _read("group", _INTEGER),
        _read("sha256", _TEXT),
        _read("pixels_sha256", _TEXT),
    ]
    return {"@type": "cr:RecordSet", "@id": "images", "name": "images", "field": fields}


def _set(name: str, kind: str, key: str, fields: list[dict[str, object]], rows: object) -> dict[str, object]:
    described = {"@type": "cr:RecordSet", "@id": name, "name": name, "dataType": kind, "key": {"@id": key}}
    return {**described, "field": fields, "data": rows}


def _inline(name: str, kind: str) -> dict[str, object]:
    return {"@type": "cr:Field", "@id": name, "name": name.rpartition("/")[2], "dataType": kind}


def _read(name: str, kind: str | list[str]) -> dict[str, object]:
    """A field that is read from the manifest."""
    source = {"fileObject": {"@id": MANIFEST}, "extract": {"jsonPath": f"$.items[*].{name}"}}
    return {"@type": "cr:Field", "@id": f"images/{name}", "name": name, "dataType": kind, "source": source}
