"""The application: settings in, a Flask application out."""

from pathlib import Path

from apiflask import APIFlask
from flask import Blueprint
from flask_wtf.csrf import CSRFProtect

from webapp import (
    adversarial,
    audits,
    classifiers,
    datasets_pages,
    detectors,
    finding,
    gates,
    history,
    home,
    jobs_pages,
    keys,
    ops,
    poisoning,
    poisoning_repair,
    screening,
    trusted,
)
from webapp.access import Access, install_access
from webapp.api import admin as api_admin
from webapp.api import audits as api_audits
from webapp.api import docs as api_docs
from webapp.api import finding as api_finding
from webapp.api import history as api_history
from webapp.api import images as api_images
from webapp.api import jobs as api_jobs
from webapp.api import poisoning as api_poisoning
from webapp.api import poisoning_repair as api_poisoning_repair
from webapp.api import run_images as api_run_images
from webapp.api import screenings as api_screenings
from webapp.api import trusted as api_trusted
from webapp.api.authentication import SCHEMES
from webapp.api.bodies import complete
from webapp.api.schemas import Problem
from webapp.config import Settings
from webapp.context import Context, put_context
from webapp.headers import install_headers
from webapp.jobs.service import Jobs
from webapp.login import install_limits, install_login, login_settings
from webapp.places import install_places
from webapp.problems import install_problems
from webapp.records.session import Database
from webapp.records.upgrade import upgrade
from webapp.uploads import install_body_limits

BLUEPRINTS: tuple[tuple[Blueprint, Access], ...] = (
    (home.bp, Access.SIGNED_IN),
    (screening.bp, Access.SIGNED_IN),
    (datasets_pages.bp, Access.ADMIN),
    (classifiers.bp, Access.ADMIN),
    (adversarial.bp, Access.ADMIN),
    (detectors.bp, Access.ADMIN),
    (gates.bp, Access.ADMIN),
    (poisoning.bp, Access.ADMIN),
    (finding.bp, Access.ADMIN),
    (trusted.bp, Access.ADMIN),
    (poisoning_repair.bp, Access.ADMIN),
    (audits.bp, Access.ADMIN),
    (history.bp, Access.ADMIN),
    (jobs_pages.bp, Access.ADMIN),
    (keys.bp, Access.ADMIN),
    (ops.bp, Access.PUBLIC),
    (api_docs.bp, Access.PUBLIC),
    (api_screenings.bp, Access.SCREEN_KEY),
    (api_admin.bp, Access.ADMIN_KEY),
    (api_jobs.bp, Access.ADMIN_KEY),
    (api_poisoning.bp, Access.ADMIN_KEY),
    (api_finding.bp, Access.ADMIN_KEY),
    (api_trusted.bp, Access.ADMIN_KEY),
    (api_poisoning_repair.bp, Access.ADMIN_KEY),
    (api_audits.bp, Access.ADMIN_KEY),
    (api_history.bp, Access.ADMIN_KEY),
    (api_images.bp, Access.ADMIN_KEY),
    (api_run_images.bp, Access.ADMIN_KEY),
)
"""Every blueprint and whom it serves."""

_ROOT = Path(__file__).resolve().parents[1]
_KEYED = (Access.SCREEN_KEY, Access.ADMIN_KEY)


def create_app(settings: Settings) -> APIFlask:
    """The application on the data root and database of these settings.

    Missing migrations are run; nothing is computed and no torch is imported, now or later.
    """
    settings = settings.with_secret_key()
    database = Database(settings.database_url)
    upgrade(database)
    app = APIFlask(
        "webapp",
        title="Scangate",
        version="1",
        spec_path="/api/v1/openapi.json",
        docs_path=None,
        json_errors=False,
        root_path=str(_ROOT),
    )
    app.spec_processor(complete)  # type: ignore[arg-type]  # It may be text too, for a format that is not ours.
    app.config.update(_flask_settings(settings), **login_settings(settings))
    put_context(app.extensions, Context(settings, database, Jobs(database, settings)))
    for blueprint, _ in BLUEPRINTS:
        app.register_blueprint(blueprint)
    keyed = [blueprint for blueprint, access in BLUEPRINTS if access in _KEYED]
    # In the order in which a request meets them: its size, its caller's pace, who it is, what form it comes from.
    install_body_limits(app)
    install_login(app, database)
    install_limits(app, api_blueprints=keyed)
    install_access(app, {blueprint.name: access for blueprint, access in BLUEPRINTS})
    csrf = CSRFProtect(app)
    for blueprint in keyed:
        csrf.exempt(blueprint)  # They take a key and never the cookie of a session.
    install_places(app)
    install_headers(app)
    install_problems(app)
    return app


def _flask_settings(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.secret_key,
        "TRUSTED_HOSTS": list(settings.trusted_hosts) or None,
        "SECURITY_SCHEMES": SCHEMES,
        "OPENAPI_VERSION": "3.1.0",
        "HTTP_ERROR_SCHEMA": Problem,
        "VALIDATION_ERROR_SCHEMA": Problem,
        "AUTO_AUTH_ERROR_RESPONSE": False,
        "AUTO_404_RESPONSE": False,
        "INFO": {"description": "Screen images for manipulation, and make the gate that does it."},
    }
