"""What the API's document says of every operation: its keys, and its refusals."""

from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import APIBlueprint

_WORDS = {
    400: "The request is malformed.",
    401: "No valid API key.",
    403: "The key's scope is too narrow.",
    404: "Nothing has this id.",
    409: "Not possible in the present state.",
    413: "The file is too large.",
    415: "Not a kind of body or file that is accepted.",
    422: "A value or a file is not accepted.",
    429: "Too many requests.",
    503: "No gate is released, or the one that is was changed since.",
}
_SECURITY: list[str | dict[str, list[Any]]] = [{"ApiKey": []}, {"Bearer": []}]

View = TypeVar("View", bound=Callable[..., Any])


def documented(bp: APIBlueprint, *statuses: int) -> Callable[[View], View]:
    """Say in the document that a view takes a key and may refuse with these statuses."""
    told = {status: _WORDS[status] for status in (401, 403, 429, *statuses)}
    return bp.doc(security=_SECURITY, responses=told)
