import json
import pickle
import sqlite3

import pytest

from webapp.jobs.engines import engine_for
from webapp.jobs.huey_engine import HueyEngine, consumer_of, open_queue


@pytest.fixture
def queue(settings):
    opened = open_queue(settings, "cpu")
    yield opened
    opened.storage.close()


def waiting(settings):
    with sqlite3.connect(settings.data_root / "queue.db") as connection:
        found = [row[0] for row in connection.execute("SELECT data FROM task")]
    connection.close()
    return found


def test_a_ticket_is_two_numbers_as_json(settings, queue):
    engine = engine_for(settings)
    assert isinstance(engine, HueyEngine)
    engine.send(3, 5, "cpu")
    message = json.loads(waiting(settings)[0])
    assert [3, 5] in message


def test_a_worker_takes_what_the_engine_sent(settings):
    HueyEngine(settings).send(3, 5, "cpu")
    taken = []
    consumer = consumer_of(settings, "cpu", lambda job_id, idx: taken.append((job_id, idx)), patience_s=1)
    consumer.huey.execute(consumer.huey.dequeue())
    consumer.huey.storage.close()
    assert taken == [(3, 5)]


def test_a_pickled_ticket_is_not_opened(settings, queue):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit('the pickle ran')",)

    queue.storage.enqueue(pickle.dumps(Bomb()))
    with pytest.raises((UnicodeDecodeError, json.JSONDecodeError)):
        queue.dequeue()


def test_a_queue_that_cannot_be_written_is_an_os_error(settings, queue):
    engine = HueyEngine(settings)
    engine.send(1, 0, "cpu")
    with sqlite3.connect(settings.data_root / "queue.db") as connection:
        connection.execute("DROP TABLE task")
    connection.close()
    with pytest.raises(OSError, match="The queue cpu cannot be written"):
        engine.send(1, 1, "cpu")


def test_a_queue_is_only_for_its_owner(settings, queue):
    assert (settings.data_root / "queue.db").stat().st_mode & 0o777 == 0o600
