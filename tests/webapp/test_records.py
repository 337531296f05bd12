import threading
import time
from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import inspect, select
from sqlalchemy.exc import IntegrityError, StatementError

from webapp.records.accounts import ApiKey, Role, Scope, User
from webapp.records.artefacts import Artefact, ArtefactKind, Release
from webapp.records.jobs import Job, JobState
from webapp.records.session import Database
from webapp.records.suspects import Ruling, SuspectDecision
from webapp.records.upgrade import _config, drift, is_current, upgrade


def user(email="a@b.example"):
    return User(email=email, password="hash", roles=[Role(name=email)])


def test_the_migrations_give_the_records_as_declared(database):
    assert drift(database) == []
    assert is_current(database)


def test_an_empty_database_is_not_current(tmp_path):
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    assert not is_current(empty)
    assert drift(empty)


def test_upgrading_twice_changes_nothing(database):
    upgrade(database)
    assert is_current(database)


def test_a_release_can_be_taken_back_and_come_again(database):
    config = _config()
    for revision, there in (("0001", False), ("head", True)):
        with database.engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
            config.attributes["connection"] = connection
            (command.upgrade if there else command.downgrade)(config, revision)
        assert inspect(database.engine).has_table("suspect_decision") is there
        assert is_current(database) is there
    assert drift(database) == []


def test_a_suspect_has_one_decision_and_loses_it_with_its_search(database):
    with database.transaction() as session:
        session.add(Artefact(id="f", kind=ArtefactKind.FINDING, name="n", folder="reports/f"))
        session.flush()
        session.add(SuspectDecision(finding_id="f", item=3, decision=Ruling.DROP, by="a@b.example"))
    with pytest.raises(IntegrityError, match="UNIQUE"), database.transaction() as session:
        session.add(SuspectDecision(finding_id="f", item=3, decision=Ruling.CLEAR, by="a@b.example"))
    with database.transaction() as session:
        session.delete(session.get_one(Artefact, "f"))
    with database.reading() as session:
        assert session.scalars(select(SuspectDecision)).all() == []


def test_upgrades_that_start_together_wait_for_each_other(tmp_path):
    failures = []

    def run():
        try:
            upgrade(Database(f"sqlite:///{tmp_path / 'together.db'}"))
        except Exception as e:  # A thread's exception would be lost otherwise.
            failures.append(e)

    # Alembic's environment is one a process, so the second upgrade runs while the first holds the database.
    with (
        Database(f"sqlite:///{tmp_path / 'together.db'}")
        .engine.execution_options(sqlite_begin="IMMEDIATE")
        .begin() as connection
    ):
        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.3)
        connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
    thread.join()
    assert failures == []
    assert is_current(Database(f"sqlite:///{tmp_path / 'together.db'}"))


def test_read_then_write_from_many_threads_loses_no_update(database):
    with database.transaction() as session:
        session.add(Job(id=1, kind="count", params={}, n_shards=0))

    def count():
        for _ in range(20):
            with database.transaction() as session:
                session.get_one(Job, 1).priority += 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.get_one(Job, 1).priority == 80


def test_an_exception_rolls_back(database):
    def fail():
        with database.transaction() as session:
            session.add(user())
            session.flush()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    with database.reading() as session:
        assert session.scalars(select(User)).all() == []


def test_foreign_keys_are_kept(database):
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), database.transaction() as session:
        session.add(Release(gate_id="no such gate"))


def test_at_most_one_release_is_active(database):
    with database.transaction() as session:
        session.add(Artefact(id="g", kind=ArtefactKind.GATE, name="g", folder="gates/g"))
        session.flush()
        session.add_all([Release(gate_id="g"), Release(gate_id="g"), Release(gate_id="g", active=True)])
    with pytest.raises(IntegrityError, match="UNIQUE"), database.transaction() as session:
        session.add(Release(gate_id="g", active=True))


def test_moments_come_back_in_utc(database):
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with database.transaction() as session:
        session.add(ApiKey(prefix="p", sha256="0" * 64, scope=Scope.SCREEN, name="k", owner=user(), expires=moment))
    with database.reading() as session:
        assert session.scalars(select(ApiKey)).one().expires == moment


def test_a_choice_comes_back_as_its_member_and_refuses_other_words(database):
    with database.transaction() as session:
        session.add(Job(id=1, kind="k", params={}, n_shards=0, state=JobState.DONE))
    with database.reading() as session:
        assert session.get_one(Job, 1).state.ended
    with pytest.raises(StatementError, match="'finished' is not a valid JobState"), database.transaction() as session:
        session.add(Job(kind="k", params={}, n_shards=0, state="finished"))


def test_rows_stay_readable_after_their_transaction(database):
    with database.transaction() as session:
        made = user()
        session.add(made)
    assert made.email == "a@b.example"
    assert made.roles[0].name == "a@b.example"
