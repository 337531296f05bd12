"""A classifier, its files and its data sets as a bill of materials: CycloneDX 1.6, with a model card.

https://cyclonedx.org/docs/1.6/json/, ECMA-424. Only what the files and the history prove or say is told.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.provenance.croissant import urn
from pipeline.provenance.event import Event

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class DataPart:
    """A data set that a classifier learned from.

    Attributes:
        subject: as "datasets/<id>".
        name: what people call it; its id where it is gone.
        files: the SHA-256 of its files by name; none where it is gone.
        facts: more that is known of it, such as how many images.
    """

    subject: str
    name: str
    files: Mapping[str, str]
    facts: Mapping[str, object]


def cyclonedx(
    subject: str,
    described: Mapping[str, Any],
    events: Sequence[Event],
    files: Mapping[str, str],
    data: Iterable[DataPart],
) -> dict[str, object]:
    """The bill of materials of a classifier; the same history gives the same one.

    Args:
        subject: as "models/<id>".
        described: its `classifier.json`.
        events: its history.
        files: the SHA-256 of its files by name.
        data: the data sets that it learned from.
    """
    parts, newest = list(data), events[-1]
    dependencies = [{"ref": urn(subject), "dependsOn": [urn(part.subject) for part in parts]}]
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, newest.sha256)}",
        "version": 1,
        "metadata": {
            "timestamp": newest.at,
            "tools": {"components": [{"type": "application", "name": "Scangate"}]},
            "component": _model(subject, described, events, files, parts),
        },
        "components": [_data(part) for part in parts],
        "dependencies": [*dependencies, *({"ref": urn(part.subject)} for part in parts)],
    }


def _model(
    subject: str,
    described: Mapping[str, Any],
    events: Sequence[Event],
    files: Mapping[str, str],
    parts: Sequence[DataPart],
) -> dict[str, object]:
    return {
        "type": "machine-learning-model",
        "bom-ref": urn(subject),
        "name": described["name"],
        "version": described["id"],
        "hashes": _hashes(files[WEIGHTS]),
        "modelCard": _card(described, parts),
        "components": [
            {"type": "file", "bom-ref": f"{urn(subject)}:{name}", "name": name, "hashes": _hashes(digest)}
            for name, digest in sorted(files.items())
        ],
        "properties": _properties(
            {
                "history.head": events[-1].sha256,
                "history.manifest": events[-1].manifest,
                **{f"history.{event.seq}": f"{event.at} {event.kind} by {event.by}" for event in events},
            }
        ),
    }


def _card(described: Mapping[str, Any], parts: Sequence[DataPart]) -> dict[str, object]:
    spec, notes = described["spec"], described["notes"]
    told = {key: value for key, value in notes.get("settings", {}).items() if isinstance(value, str | int | float)}
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": "classification",
            "modelArchitecture": spec["architecture"],
            "datasets": [{"ref": urn(part.subject)} for part in parts],
            "inputs": [{"format": f"image, {spec['channels']} x {spec['height']} x {spec['width']}, in [0, 1]"}],
            "outputs": [{"format": f"{spec['head']} of {', '.join(spec['classes'])}"}],
        },
        "considerations": {
            "useCases": ["Research on attacks on classifiers of medical images; not a medical device."],
            "technicalLimitations": ["The hashes prove that nothing was changed since, not that it was right before."],
        },
        "properties": _properties({"origin": notes.get("origin", "not told"), **_named("settings", told)}),
    }


def _data(part: DataPart) -> dict[str, object]:
    files = [
        {"type": "file", "bom-ref": f"{urn(part.subject)}:{name}", "name": name, "hashes": _hashes(digest)}
        for name, digest in sorted(part.files.items())
    ]
    return {
        "type": "data",
        "bom-ref": urn(part.subject),
        "name": part.name,
        "version": part.subject.rpartition("/")[2],
        "data": [{"type": "dataset", "name": part.name, "contents": {"properties": _properties(part.facts)}}],
        **({"components": files} if files else {}),
    }


def _hashes(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _properties(values: Mapping[str, object]) -> list[dict[str, str]]:
    return [{"name": f"scangate:{name}", "value": str(value)} for name, value in values.items()]


def _named(prefix: str, values: Mapping[str, object]) -> dict[str, object]:
    return {f"{prefix}.{name}": value for name, value in values.items()}
