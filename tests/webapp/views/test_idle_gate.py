"""A gate that is released and not active: pages say so, and lead to it."""

import io

import pytest
from sqlalchemy import delete, update

from tests.webapp.views.site import build_site, token_of
from webapp.records.artefacts import Artefact, ArtefactKind, Release


@pytest.fixture(scope="module")
def idle(tiny_chain, tmp_path_factory):
    """A site of its own: other tests release more gates on the common one, and screen by them."""
    made = build_site(tiny_chain, tmp_path_factory.mktemp("idle") / "root")
    with made.database.transaction() as session:
        session.execute(update(Release).values(active=False))
    yield made
    made.database.dispose()


@pytest.mark.parametrize("path", ["/", "/screen"])
def test_an_administrator_is_led_to_the_gate(idle, path):
    page = idle.client("admin").get(path).text
    assert "No gate is active, so that scans cannot be screened." in page
    assert f'<a href="/gates/{idle.chain.gate.id}">' in page
    assert "No gate is released" not in page
    assert "Make active" in idle.client("admin").get(f"/gates/{idle.chain.gate.id}").text


@pytest.mark.parametrize("path", ["/", "/screen"])
def test_a_clinician_is_told_whom_to_ask(idle, path):
    page = idle.client("clinician").get(path).text
    assert "an administrator has to make it active" in page
    assert "/gates/" not in page


def test_a_scan_that_is_sent_all_the_same_is_told_the_same(idle, tmp_path):
    client = idle.client("admin")
    form = {"csrf_token": token_of(client, "/"), "image": (io.BytesIO(b"x"), "scan.png")}
    answer = client.post("/screen", data=form)
    assert answer.status_code == 503
    assert "is released, and neither it nor another one is active" in answer.text
    headers = {"X-API-Key": idle.keys["screen"], "Content-Type": "image/png"}
    error = idle.app.test_client().post("/api/v1/screenings", headers=headers, data=b"x").get_json()["error"]
    assert (error["code"], error["title"]) == ("no_gate", "No gate is active")
    assert f"POST /api/v1/gates/{idle.chain.gate.id}/activate" in error["next_step"]


def test_without_any_gate_none_is_released(tiny_chain, tmp_path):
    own = build_site(tiny_chain, tmp_path / "root")
    with own.database.transaction() as session:
        session.execute(delete(Release))
        session.execute(delete(Artefact).where(Artefact.kind == ArtefactKind.GATE))
    assert "No gate is released yet" in own.client("admin").get("/").text
    assert '<a href="/gates/new">' in own.client("admin").get("/screen").text
    assert "No gate is released yet" in own.client("clinician").get("/screen").text
    own.database.dispose()
