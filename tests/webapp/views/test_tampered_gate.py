"""A gate that is not what was released gives no verdict, and is not put in front of the classifier."""

import io
import json

import pytest
from sqlalchemy import func, select

from pipeline.gate.decision import Verdict
from pipeline.gate.files import _id
from tests.webapp.views.own import copied
from tests.webapp.views.site import token_of
from tests.webapp.views.test_history import break_link
from webapp.records.artefacts import Artefact, ArtefactKind, Release
from webapp.records.screenings import Screening


@pytest.fixture
def own(site, tmp_path):
    """A copy of the site, which has opened no gate yet."""
    with copied(site, tmp_path / "root") as made:
        yield made


def flip_graph(folder):
    content = bytearray((folder / "gate.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "gate.onnx").write_bytes(content)


def rename(folder):
    path = folder / "gate.json"
    path.write_text(path.read_text().replace('"name": "tiny"', '"name": "tidy"', 1))


def put_another(folder):
    """A gate that belongs together, without any history: only its id tells."""
    described = json.loads((folder / "gate.json").read_text())
    described["alpha_uncertain"] = 0.45
    described["id"] = _id(described)
    (folder / "gate.json").write_text(json.dumps(described))
    for path in folder.glob("history*"):
        path.unlink()


TAMPERING = {
    "another": (put_another, "was released"),
    "graph": (flip_graph, "gate.onnx has SHA-256"),
    "name": (rename, "is not what its history says: gate.json: sha256"),
    "history": (break_link, "it does not hash to what is written there"),
}


def n_screenings(site):
    with site.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Screening))


@pytest.mark.parametrize("what", TAMPERING)
def test_no_verdict_is_given(own, what):
    tamper, said = TAMPERING[what]
    tamper(own.settings.data_root / "gates" / own.chain.gate.id)
    n, scan = n_screenings(own), own.chain.scan(Verdict.CLEAN)
    headers = {"X-API-Key": own.keys["screen"], "Content-Type": "image/png"}
    answer = own.app.test_client().post("/api/v1/screenings", headers=headers, data=scan)
    assert answer.status_code == 503
    told = answer.get_json()
    assert (set(told), told["error"]["code"]) == ({"error"}, "gate_changed")
    assert said in told["error"]["detail"]
    assert "makes another gate active" in told["error"]["next_step"]
    person = own.client("clinician")
    form = {"csrf_token": token_of(person, "/screen"), "image": (io.BytesIO(scan), "scan.png")}
    page = person.post("/screen", data=form)
    assert page.status_code == 503
    assert "No scan is screened by it, and there is no verdict" in page.text
    assert n_screenings(own) == n


def test_a_gate_is_checked_once_a_process_and_not_once_a_scan(own):
    headers = {"X-API-Key": own.keys["screen"], "Content-Type": "image/png"}
    api, scan = own.app.test_client(), own.chain.scan(Verdict.CLEAN)
    assert api.post("/api/v1/screenings", headers=headers, data=scan).status_code == 201
    rename(own.settings.data_root / "gates" / own.chain.gate.id)
    assert api.post("/api/v1/screenings", headers=headers, data=scan).status_code == 201


def test_a_changed_gate_is_not_made_active(own):
    rename(own.settings.data_root / "gates" / own.chain.gate.id)
    with own.database.reading() as session:
        before = [(row.id, row.active) for row in session.scalars(select(Release))]
    admin = own.client("admin")
    form = {"csrf_token": token_of(admin, "/gates/")}
    answer = admin.post(f"/gates/{own.chain.gate.id}/activate", data=form)
    assert answer.status_code == 409
    assert "is not what its history says: gate.json" in answer.text
    headers = {"X-API-Key": own.keys["admin"]}
    told = own.app.test_client().post(f"/api/v1/gates/{own.chain.gate.id}/activate", headers=headers)
    assert (told.status_code, told.get_json()["error"]["code"]) == (409, "broken_history")
    with own.database.reading() as session:
        assert [(row.id, row.active) for row in session.scalars(select(Release))] == before


def test_one_does_not_go_back_to_a_changed_gate(own):
    chain_gate = own.chain.gate.id
    with own.database.transaction() as session:
        session.add(
            Artefact(id="other", kind=ArtefactKind.GATE, name="Other", folder="gates/other", parents=[], facts={})
        )
    admin = own.client("admin")
    form = {"csrf_token": token_of(admin, "/gates/")}
    assert admin.post("/gates/other/activate", data=form).status_code == 302
    rename(own.settings.data_root / "gates" / chain_gate)
    assert admin.post("/gates/roll-back", data=form).status_code == 409
    with own.database.reading() as session:
        assert session.scalar(select(Release.gate_id).where(Release.active)) == "other"
