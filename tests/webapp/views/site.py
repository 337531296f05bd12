"""A whole application on the tiny chain: real gate, real rows, accounts and keys."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.detection.evaluate import evaluate_detector
from pipeline.evaluation import evaluate_classifier
from tests.fixtures.gate import TinyChain
from webapp.accounts import create_key, create_user
from webapp.app import create_app
from webapp.config import Settings
from webapp.jobs import products
from webapp.jobs.registry import Made, Work
from webapp.records.artefacts import Artefact, Release, Upload
from webapp.records.jobs import Job
from webapp.records.session import Database

PASSWORD = "a long enough password"
EMAILS = {"admin": "admin@hospital.org", "clinician": "clinician@hospital.org", "other": "other@hospital.org"}


@dataclass
class Site:
    """The application and what its tests need to know of it."""

    app: APIFlask
    settings: Settings
    database: Database
    chain: TinyChain
    keys: dict[str, str]
    upload_id: str

    def client(self, who: str | None = None) -> FlaskClient:
        """A browser, logged in as admin, clinician or the other clinician."""
        client = self.app.test_client()
        if who is not None:
            form = {"email": EMAILS[who], "password": PASSWORD, "csrf_token": token_of(client, "/login")}
            assert client.post("/login", data=form).status_code == 302
        return client


def token_of(client: FlaskClient, path: str) -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert found is not None, f"{path} has no form"
    return found[1]


def row_of(site: Site, artefact_id: str) -> Artefact:
    """The row of an artefact."""
    with site.database.reading() as session:
        return session.get_one(Artefact, artefact_id)


def n_jobs(site: Site) -> int:
    """How many jobs were ever ordered."""
    with site.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


def build_site(chain: TinyChain, folder: Path) -> Site:
    """Copy the chain's data root, write its rows and open the application on it."""
    shutil.copytree(chain.root.path, folder)
    settings = Settings(data_root=folder, secret_key="a key of the tests", jobs_engine="inline")
    app = create_app(settings)
    app.extensions["limiter"].pop().enabled = False
    database = Database(settings.database_url)
    users = {
        who: create_user(database, email=email, password=PASSWORD, role="admin" if who == "admin" else "clinician")
        for who, email in EMAILS.items()
    }
    with database.transaction() as session:
        session.add_all(_rows(chain, settings))
        session.flush()
        session.add(Release(gate_id=chain.gate.id, released_by_id=users["admin"].id, active=True))
        upload = Upload(sha256="0" * 64, name="tiny.zip", size=1, path=_kept(chain.source, folder))
        session.add(upload)
    keys = {
        "admin": create_key(database, owner_email=EMAILS["admin"], name="all", scope="admin")[1],
        "screen": create_key(database, owner_email=EMAILS["clinician"], name="screening", scope="screen")[1],
    }
    return Site(app, settings, database, chain, keys, upload.id)


def _rows(chain: TinyChain, settings: Settings) -> list[Artefact]:
    root = DataRoot(settings.data_root)
    work = _work(settings, {"name": "Tiny", "dataset_id": chain.dataset.id, "adversarial_id": chain.adversarial_set.id})
    report = evaluate_classifier(chain.classifier, chain.dataset)
    judged = evaluate_detector(chain.detector, chain.adversarial_set, chain.dataset, chain.classifier).to_json()
    made: list[Made] = [
        products.made_dataset(work, open_dataset(root.find("datasets", chain.dataset.id))),
        products.made_classifier(work, chain.classifier, report),
        products.made_adversarial(work, chain.adversarial_set),
        products.made_detector(work, chain.detector, {"report": judged, "cells": judged["cells"]}),
        products.made_gate(work, chain.gate),
    ]
    home = chain.root.path
    return [
        Artefact(
            id=one.id,
            kind=one.kind,
            name=one.name,
            folder=str(one.folder.relative_to(settings.data_root if one is made[0] else home)),
            parents=list(one.parents),
            facts=one.facts,
        )
        for one in made
    ]


def _work(settings: Settings, params: dict[str, str]) -> Work:
    return Work(
        settings=settings,
        params=params,
        job_id=0,
        idx=0,
        stage=0,
        attempt=1,
        folder=settings.data_root,
        output=settings.data_root / "output",
        parts=(),
        progress=lambda done, total, what: None,
    )


def _kept(source: Path, root: Path) -> str:
    (root / "uploads").mkdir(exist_ok=True)
    shutil.copy(source, root / "uploads" / "tiny.zip")
    return "uploads/tiny.zip"
