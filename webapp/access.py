"""Who may reach which view: one rule a blueprint, and nothing is open that has no rule."""

from enum import StrEnum

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from webapp.api.authentication import require_key
from webapp.context import is_admin
from webapp.records.accounts import Scope


class Access(StrEnum):
    """Whom a blueprint serves."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    ADMIN = "admin"
    SCREEN_KEY = "screen_key"
    ADMIN_KEY = "admin_key"


# What extensions bring along: log-in, log-out and the OpenAPI document.
_BROUGHT = {"security": Access.PUBLIC, "openapi": Access.PUBLIC}


def install_access(app: Flask, rules: dict[str, Access]) -> None:
    """Check every request against the rule of its blueprint before a view sees it."""
    app.extensions["scangate_access"] = {**rules, **_BROUGHT}
    app.before_request(_check)


def rule_for(endpoint: str) -> Access | None:
    """The rule of a view; None for one that no rule names, which nobody reaches."""
    if endpoint == "static":
        return Access.PUBLIC
    rules: dict[str, Access] = current_app.extensions["scangate_access"]
    return rules.get(endpoint.rpartition(".")[0])


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # No such page: answered with 404.
    access = rule_for(request.endpoint)
    if access is Access.PUBLIC:
        return None
    if access in (Access.SCREEN_KEY, Access.ADMIN_KEY):
        g.api_key = require_key(Scope.ADMIN if access is Access.ADMIN_KEY else Scope.SCREEN)
        return None
    return _check_session(access)


def _check_session(access: Access | None) -> ResponseReturnValue | None:
    if not current_user.is_authenticated:
        wanted = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("security.login", next=wanted))
    if access is None or (access is Access.ADMIN and not is_admin()):
        abort(403, description="This page is for administrators. Ask one of them, or go back to screening.")
    if "HX-Request" not in request.headers:
        # Only what a person does keeps a session alive; a page that polls does not.
        session.permanent = True
        session.modified = True
    return None
