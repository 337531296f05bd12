"""A site of a test's own: a copy that may be tampered with, where the shared one must stay as it is."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from tests.webapp.views.site import Site
from webapp.app import create_app
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.session import Database


@contextmanager
def copied(site: Site, folder: Path) -> Iterator[Site]:
    """A copy of a site's data root and database, and an application on it that has opened nothing yet."""
    shutil.copytree(site.settings.data_root, folder)
    settings = replace(site.settings, data_root=folder, database_url="")
    app = create_app(settings)
    app.extensions["limiter"].pop().enabled = False
    database = Database(settings.database_url)
    try:
        yield replace(site, app=app, settings=settings, database=database)
    finally:
        database.dispose()


def unhardened(site: Site) -> Site:
    """The same site, which must be a test's own, after every classifier lost the mark of being hardened."""
    with site.database.transaction() as session:
        for row in session.scalars(select(Artefact).where(Artefact.kind == ArtefactKind.CLASSIFIER)):
            row.facts = {name: fact for name, fact in row.facts.items() if name != "hardening"}
    return site
