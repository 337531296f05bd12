"""The accounts of the demo; their passwords are drawn once and kept in its data root."""

import secrets
from pathlib import Path
from typing import cast

from datasets.atomic import read_json, write_json
from webapp.config import make_private
from webapp.records.accounts import RoleName

DEMO_ACCOUNTS = {"admin@scangate.example": RoleName.ADMIN, "clinician@scangate.example": RoleName.CLINICIAN}


def demo_passwords(data_root: Path) -> dict[str, str]:
    """Address and password of each demo account; the same at every run on this data root."""
    path = data_root / "demo-accounts.json"
    if not path.exists():
        make_private(data_root)
        write_json(path, {email: secrets.token_urlsafe(12) for email in DEMO_ACCOUNTS})
        path.chmod(0o600)
    return cast("dict[str, str]", read_json(path))
