"""Every setting of the application; the only module that reads the environment."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from webapp.errors import BadSetting

PREFIX = "SCANGATE_"
MIB = 1024 * 1024
ENGINES = ("huey", "inline")

# Lowest and highest value accepted, by field.
_RANGES: dict[str, tuple[float, float]] = {
    "port": (1, 65535),
    "n_workers": (0, 64),
    "web_processes": (1, 64),
    "web_threads": (1, 64),
    "worker_threads": (0, 256),
    "session_minutes": (1, 24 * 60),
    "max_image_bytes": (1024, 1024 * MIB),
    "max_upload_bytes": (1024, 1024 * 1024 * MIB),
    "lease_s": (0.2, 3600),
    "dispatch_s": (0.02, 60),
    "ticket_ttl_s": (0.2, 24 * 3600),
    "backoff_s": (0, 600),
    "max_attempts": (1, 20),
    "window": (1, 10_000),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a running application is told; every field is read from `SCANGATE_<FIELD>`.

    Raises:
        BadSetting: a value is out of range or no value of its type.
    """

    data_root: Path = Path("var/scangate")
    database_url: str = ""  # Empty: SQLite in the data root.
    secret_key: str = field(default="", repr=False)  # Empty: made once, kept in the data root.
    host: str = "127.0.0.1"
    port: int = 8000
    trusted_hosts: tuple[str, ...] = ()  # Empty: any Host header is served.
    secure_cookies: bool = False  # True behind TLS.
    session_minutes: int = 30
    max_image_bytes: int = 64 * MIB
    max_upload_bytes: int = 4096 * MIB
    web_processes: int = 1
    web_threads: int = 8
    n_workers: int = 2
    worker_threads: int = 0  # Threads of arithmetic per worker; 0: cores / workers.
    jobs_engine: str = "huey"
    kind_modules: tuple[str, ...] = ()  # Modules that register further kinds of job.
    lease_s: float = 60.0
    dispatch_s: float = 0.3
    ticket_ttl_s: float = 120.0
    max_attempts: int = 4
    backoff_s: float = 2.0  # The n-th retry waits backoff_s ** n seconds.
    window: int = 16  # Tickets outstanding at a time.

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise BadSetting(f"{PREFIX}{name.upper()} is {getattr(self, name)}; set it within [{low}, {high}].")
        if self.jobs_engine not in ENGINES:
            raise BadSetting(f"{PREFIX}JOBS_ENGINE is {self.jobs_engine!r}; set it to one of {', '.join(ENGINES)}.")
        # Frozen: what depends on other fields is filled in once, here.
        object.__setattr__(self, "data_root", Path(self.data_root).absolute())
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data_root / 'scangate.db'}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Self:
        """Settings from `SCANGATE_*` variables; what is given by name wins over them."""
        environ = os.environ if environ is None else environ
        read = {
            item.name: _parse(item.name, item.default, environ[PREFIX + item.name.upper()])
            for item in fields(cls)
            if PREFIX + item.name.upper() in environ
        }
        return cls(**{**read, **given})

    def as_environment(self) -> dict[str, str]:
        """The variables that make a child process read these very settings; the secret key stays in its file."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "secret_key"}
        return {PREFIX + name.upper(): _written(value) for name, value in values.items()}

    def with_data_root(self) -> Self:
        """These settings, their data root made."""
        make_private(self.data_root)
        return self

    def with_secret_key(self) -> Self:
        """These settings with a secret key: the given one, or the one kept in `DATA_ROOT/secret.key`."""
        if self.secret_key:
            return self
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return type(self)(**{**values, "secret_key": _kept_secret(self.data_root)})


def make_private(folder: Path) -> None:
    """Make a folder that only this account can enter, since it holds scans, keys and decisions.

    One that is there keeps its permissions: somebody may have opened it for a group.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def base_environment() -> dict[str, str]:
    """The environment that child processes inherit."""
    return dict(os.environ)


def _kept_secret(data_root: Path) -> str:
    make_private(data_root)
    path = data_root / "secret.key"
    draft = data_root / f".secret.key.{os.getpid()}.{secrets.token_hex(4)}"
    if not path.exists():
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        # A link, not a rename: of two processes that start together the first wins and both read one key.
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def _parse(name: str, default: object, text: str) -> Any:
    try:
        if isinstance(default, bool):
            return {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}[text.lower()]
        if isinstance(default, tuple):
            return tuple(part.strip() for part in text.split(",") if part.strip())
        return type(default)(text) if isinstance(default, int | float) else text
    except (KeyError, ValueError) as e:
        wanted = "0 or 1" if isinstance(default, bool) else f"a number, as {default}"
        raise BadSetting(f"{PREFIX}{name.upper()} is {text!r}; set it to {wanted}.") from e
