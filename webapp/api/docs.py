"""The API's documentation page, made from its OpenAPI document."""

import json
from typing import Any, cast

from apiflask import APIFlask
from flask import Blueprint, current_app, render_template

bp = Blueprint("api_docs", __name__)

_METHODS = ("get", "post", "put", "patch", "delete")


@bp.get("/api/v1/docs")
def show() -> str:
    """Every operation, its parameters, body and answers."""
    spec = cast(dict[str, Any], cast(APIFlask, current_app).spec)
    return render_template("api/docs.html", spec=spec, groups=_groups(spec))


def _groups(spec: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, item in spec["paths"].items():
        for method in _METHODS:
            if operation := item.get(method):
                told = {"fields": _fields(spec, operation), "example": _example(operation)}
                shown = {"path": path, "method": method, **operation, **told}
                groups.setdefault(operation.get("tags", ["Other"])[0], []).append(shown)
    return groups


def _fields(spec: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a JSON body, with what each must be."""
    content = operation.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    schema = spec.get("components", {}).get("schemas", {}).get(reference.rpartition("/")[2], {})
    required = schema.get("required", [])
    return [{"name": name, "required": name in required, **told} for name, told in schema.get("properties", {}).items()]


def _example(operation: dict[str, Any]) -> str:
    """The example of a JSON body, as text; empty without any."""
    found = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    return "" if found is None else json.dumps(found, indent=1)
