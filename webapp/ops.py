"""Health, for whoever runs Scangate."""

import shutil

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from webapp.context import context
from webapp.queries.artefacts import active_gate
from webapp.records.upgrade import is_current

bp = APIBlueprint("ops", __name__, tag="Health")

_FREE_BYTES = 512 * 1024 * 1024


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Say that the process is alive."""
    return {"status": "alive"}


@bp.get("/readyz")
@bp.doc(responses={503: "Not ready"})
def readyz() -> ResponseReturnValue:
    """Say whether scans can be screened: database, disk and a released gate."""
    checks = {"database": _database(), "disk": _disk(), "gate": active_gate() is not None}
    ready = all(checks.values())
    return {"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503


def _database() -> bool:
    with context().database.transaction() as session:
        session.execute(text("SELECT 1"))
    return is_current(context().database)


def _disk() -> bool:
    return shutil.disk_usage(context().settings.data_root).free > _FREE_BYTES
