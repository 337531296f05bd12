"""Sessions on the database: one engine a process, short transactions, SQLite made safe for several writers."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, select
from sqlalchemy import func as sql
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.orm import Session, scoped_session, sessionmaker

_BUSY_MS = 30_000


class Database:
    """The records' database; safe to share between threads and to carry over a fork."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._engine: Engine | None = None
        self._pid = 0

    @property
    def is_sqlite(self) -> bool:
        """Whether the rows lie in a SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def engine(self) -> Engine:
        """This process's engine; a connection that crossed a fork would be used by two."""
        if self._engine is None or self._pid != os.getpid():
            self._engine, self._pid = self._create_engine(), os.getpid()
        return self._engine

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that may write: committed at the end, rolled back by an exception.

        On SQLite it holds the write lock from its start, since a snapshot that was read cannot be upgraded once
        somebody else has written. Keep it short. Rows stay readable after it has ended.
        """
        writing = self.engine.execution_options(sqlite_begin="IMMEDIATE")
        with Session(writing, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads, from one snapshot; rows stay readable after it has ended."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def scoped(self) -> scoped_session[Session]:
        """A session a thread, as Flask-Security's datastore wants one; call its `remove` after each request."""
        return scoped_session(sessionmaker(self.engine, expire_on_commit=False))

    def dispose(self) -> None:
        """Close this process's connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _create_engine(self) -> Engine:
        if not self.is_sqlite:
            return create_engine(self.url, pool_pre_ping=True)
        if self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self.url, poolclass=NullPool, connect_args={"timeout": _BUSY_MS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine


def clock(session: Session) -> float:
    """Seconds since the epoch by the database's clock, so that machines agree on leases; SQLite has only ours."""
    if session.get_bind().dialect.name == "sqlite":
        return time.time()
    return float(session.scalar(select(sql.extract("epoch", sql.clock_timestamp()))) or 0.0)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Without this the driver opens transactions by its own rules, and never an immediate one.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")
