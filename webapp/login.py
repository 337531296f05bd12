"""Log-in by password and session, and the limits on how often one may try."""

from datetime import timedelta
from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_security import Security, SQLAlchemySessionUserDatastore

from webapp.accounts import PASSWORD_SETTINGS
from webapp.config import Settings
from webapp.records.accounts import Role, User
from webapp.records.session import Database

_GUESSES = "10 per 15 minutes"  # For one account, whoever asks.
_LOGINS = "30 per minute"  # From one address.
_WRONG_KEYS = "60 per minute"  # From one address.
_REQUESTS = "600 per minute"  # Of one API key, or of one address without any.


def login_settings(settings: Settings) -> dict[str, Any]:
    """What Flask-Security and the session are told."""
    return {
        **PASSWORD_SETTINGS,
        "SECURITY_PASSWORD_SALT": settings.secret_key,  # Demanded, though argon2 does not use it.
        "SECURITY_REGISTERABLE": False,
        "SECURITY_RECOVERABLE": False,
        "SECURITY_CHANGEABLE": False,
        "SECURITY_SEND_REGISTER_EMAIL": False,
        "SECURITY_FRESHNESS": timedelta(minutes=-1),  # Without it there is no page to log in a second time.
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_LOGIN_USER_TEMPLATE": "auth/login.html",
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/login",
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
        "SECURITY_DEFAULT_REMEMBER_ME": False,
        "SESSION_COOKIE_NAME": "__Host-scangate" if settings.secure_cookies else "scangate",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": settings.session_minutes * 60,
        "WTF_CSRF_TIME_LIMIT": None,  # A form lives as long as the session it belongs to.
    }


def install_login(app: Flask, database: Database) -> None:
    """Give the application log-in and roles."""
    sessions = database.scoped()
    Security(app, SQLAlchemySessionUserDatastore(sessions, User, Role))
    # Flask-Security also takes a token from a header or the query; only the session and our own keys may log in.
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]  # Set by Flask-Security.
    app.teardown_appcontext(lambda _error: sessions.remove())


def install_limits(app: Flask, *, api_blueprints: list[Any]) -> None:
    """Slow down who guesses passwords or floods the API."""
    limiter = Limiter(key_func=get_remote_address, app=app, storage_uri="memory://", strategy="moving-window")
    view = app.view_functions["security.login"]
    guesses = limiter.limit(
        _GUESSES,
        key_func=_account,
        methods=["POST"],
        deduct_when=lambda response: response.status_code != 302,  # A right password is redirected and not counted.
    )
    app.view_functions["security.login"] = limiter.limit(_LOGINS, methods=["POST"])(guesses(view))  # type: ignore[assignment]  # It gives a view for a view.
    for blueprint in api_blueprints:
        limiter.limit(_REQUESTS, key_func=_caller)(blueprint)
        limiter.limit(_WRONG_KEYS, deduct_when=lambda response: response.status_code == 401)(blueprint)


def _account() -> str:
    return "account:" + request.form.get("email", "").strip().lower()[:255]


def _caller() -> str:
    key = request.headers.get("X-API-Key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
    return f"key:{key[:16]}" if key else f"address:{get_remote_address()}"
