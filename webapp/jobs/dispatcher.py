"""The dispatcher as a process: `python -m webapp.jobs.dispatcher` keeps the jobs moving until it is asked to end."""

import logging
import signal
import threading

from sqlalchemy.exc import DBAPIError

from webapp.config import Settings
from webapp.jobs.dispatching import Dispatcher
from webapp.jobs.engines import engine_for
from webapp.jobs.process import worker_id
from webapp.records.session import Database

logger = logging.getLogger(__name__)


def main() -> int:
    """Dispatch until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environment()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    dispatcher = Dispatcher(Database(settings.database_url), settings, engine_for(settings), worker_id())
    while not ended.wait(settings.dispatch_s):
        try:
            dispatcher.step()
        except DBAPIError:
            # The database is locked or away: nothing is lost by waiting for it.
            logger.exception("A step of the dispatcher failed; the next one tries again.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
