"""Who calls the API: a key in a header, never a cookie."""

from flask import g, request

from webapp.accounts import find_key
from webapp.context import database
from webapp.problems import Refusal
from webapp.records.accounts import ApiKey, Scope

SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}


def require_key(scope: Scope) -> ApiKey:
    """The key that this request carries.

    Raises:
        Refusal: 401 without a key that is valid now, 403 with one of too narrow a scope.
    """
    key = find_key(database(), _sent())
    if key is None:
        refusal = Refusal(
            401,
            "bad_key",
            "API key missing or not valid",
            "The request carries no API key that is valid now.",
            "Send a key in the header X-API-Key; an administrator makes one under API keys.",
        )
        raise refusal
    if scope is Scope.ADMIN and key.scope is not Scope.ADMIN:
        raise Refusal(
            403,
            "narrow_key",
            "API key of too narrow a scope",
            f"This key has the scope {key.scope}; this operation needs {Scope.ADMIN}.",
            "Use a key with the scope admin.",
        )
    return key


def calling_key() -> ApiKey:
    """The key of the program that calls."""
    key: ApiKey = g.api_key
    return key


def _sent() -> str:
    if token := request.headers.get("X-API-Key"):
        return token.strip()[:200]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip()[:200] if scheme.lower() == "bearer" else ""
