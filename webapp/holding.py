"""One process at a time works on a data root: a supervisor, or the demo."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.config import Settings, make_private
from webapp.errors import AlreadyServing
from webapp.jobs.dispatching import expire_leases
from webapp.jobs.process import host_prefix
from webapp.records.session import Database
from webapp.records.upgrade import upgrade


@contextmanager
def held(settings: Settings) -> Iterator[Database]:
    """The database of a data root that this process alone works on, at the newest schema.

    Raises:
        AlreadyServing: another process works on it.
    """
    with only_one(settings.data_root):
        database = Database(settings.database_url)
        upgrade(database)
        # We hold the data root and workers die with their supervisor, so that no lease of this machine is alive.
        expire_leases(database, owner_prefix=host_prefix(0).removesuffix("0:"), reason="stopped")
        yield database


@contextmanager
def only_one(data_root: Path) -> Iterator[None]:
    """Hold the data root; the kernel lets go of it whatever ends this process.

    Raises:
        AlreadyServing: another supervisor holds it.
    """
    make_private(data_root)
    with (data_root / "serve.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            file.seek(0)
            raise AlreadyServing(
                f"{data_root} is served already, by process {file.read().strip() or 'unknown'}; "
                "stop that one, or set SCANGATE_DATA_ROOT to another folder."
            ) from e
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
