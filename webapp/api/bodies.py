"""What the API's document cannot read off the views: bodies and answers that are files, and bounds of numbers."""

from typing import Any

from webapp.routes import MAX_ROW_ID

_BINARY = {"type": "string", "format": "binary"}

_NUMBERS = {"job_id": MAX_ROW_ID, "label": 2**31 - 1, "item": 2**31 - 1}
_OF_HISTORY = "/api/v1/history/{artefact_id}"
_GIVEN: dict[str, tuple[str, dict[str, Any]]] = {
    f"{_OF_HISTORY}/history.jsonl": ("application/jsonl", {"type": "string"}),
    f"{_OF_HISTORY}/croissant": ("application/ld+json", {"type": "object"}),
    f"{_OF_HISTORY}/cyclonedx": ("application/vnd.cyclonedx+json", {"type": "object"}),
    "/api/v1/poisoning/audits/{audit_id}/marks/{label}": ("image/png", _BINARY),
    "/api/v1/poisoning/findings/{finding_id}/suspects/{item}/image": ("image/png", _BINARY),
    "/api/v1/datasets/{dataset_id}/images/{item}": ("image/png", _BINARY),
}
"""What is given that is no JSON of a schema of ours."""


def complete(spec: dict[str, Any]) -> dict[str, Any]:
    """The document with the bodies of uploads and the names that a path may take."""
    paths = spec["paths"]
    screening = ("image/*", "application/dicom", "application/octet-stream")
    paths["/api/v1/screenings"]["post"]["requestBody"] = _file("image", _BINARY, *screening)
    several = {"type": "array", "items": _BINARY}
    sending = paths["/api/v1/uploads"]["post"]
    sending["requestBody"] = _file("file", several, "application/octet-stream")
    sending.setdefault("parameters", []).append({"in": "query", "name": "name", "schema": {"type": "string"}})
    for path, (kind, schema) in _GIVEN.items():
        paths[path]["get"]["responses"]["200"] = {"description": "OK", "content": {kind: {"schema": schema}}}
    for item in paths.values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                # The bound that the route has hides from the document that it is a number.
                if parameter["name"] in _NUMBERS:
                    parameter["schema"] = {"type": "integer", "maximum": _NUMBERS[parameter["name"]]}
    return spec


def _file(part: str, schema: dict[str, Any], *raw: str) -> dict[str, Any]:
    form = {"type": "object", "required": [part], "properties": {part: schema}}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    return {"required": True, "content": content | {kind: {"schema": _BINARY} for kind in raw}}
