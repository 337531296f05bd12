"""What the API's document cannot read off the views: bodies that are files, and the names of collections."""

from typing import Any

from webapp.routes import MAX_ROW_ID

_BINARY = {"type": "string", "format": "binary"}


def complete(spec: dict[str, Any]) -> dict[str, Any]:
    """The document with the bodies of uploads and the names that a path may take."""
    paths = spec["paths"]
    screening = ("image/*", "application/dicom", "application/octet-stream")
    paths["/api/v1/screenings"]["post"]["requestBody"] = _file("image", _BINARY, *screening)
    several = {"type": "array", "items": _BINARY}
    sending = paths["/api/v1/uploads"]["post"]
    sending["requestBody"] = _file("file", several, "application/octet-stream")
    sending.setdefault("parameters", []).append({"in": "query", "name": "name", "schema": {"type": "string"}})
    for item in paths.values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                # The bound that the route has hides from the document that it is a number.
                if parameter["name"] == "job_id":
                    parameter["schema"] = {"type": "integer", "maximum": MAX_ROW_ID}
    return spec


def _file(part: str, schema: dict[str, Any], *raw: str) -> dict[str, Any]:
    form = {"type": "object", "required": [part], "properties": {part: schema}}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    return {"required": True, "content": content | {kind: {"schema": _BINARY} for kind in raw}}
