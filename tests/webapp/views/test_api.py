"""The JSON API, as a program with a key meets it."""

import io
import struct
import zlib

import numpy as np
import pytest
from openapi_spec_validator import validate
from werkzeug.test import EnvironBuilder

from datasets.image import encode_png
from pipeline.gate.decision import Verdict
from tests.webapp.views.site import EMAILS
from webapp.accounts import create_key, revoke_key
from webapp.records.accounts import ApiKey
from webapp.records.base import now

KEYS = {
    "id",
    "verdict",
    "p_value",
    "alpha",
    "attack",
    "prediction",
    "reason",
    "models",
    "input_sha256",
    "latency_ms",
    "created",
}


def huge_png():
    """A PNG that declares 30,000 x 30,000 pixels and holds none."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_clean_scan_is_answered_with_its_class_in_one_call(site, api, key):
    scan = site.chain.scan(Verdict.CLEAN)
    answer = api.post("/api/v1/screenings", headers=key, data={"image": (io.BytesIO(scan), "scan.png")})
    assert answer.status_code == 201
    told = answer.get_json()
    assert set(told) >= KEYS
    assert told["verdict"] == "clean"
    assert told["prediction"]["class"] in ("left", "right")
    assert told["attack"] is None
    assert told["models"]["gate_id"] == site.chain.gate.id
    assert api.get(answer.headers["Location"], headers=key).get_json() == told


@pytest.mark.parametrize("verdict", [Verdict.ADVERSARIAL, Verdict.UNCERTAIN])
def test_a_held_scan_is_answered_without_its_class(site, api, key, verdict):
    scan = site.chain.scan(verdict)
    told = api.post("/api/v1/screenings", headers={**key, "Content-Type": "image/png"}, data=scan).get_json()
    assert told["verdict"] == verdict
    assert told["prediction"] is None
    assert {"family", "type", "types", "probabilities"} <= set(told["attack"])
    assert "class_name" not in str(told)
    assert "score" not in told


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"plain text", 415),
        (encode_png(np.zeros((40, 40, 1), np.uint8), 8)[:60], 422),
        (huge_png(), 422),
        (b"GIF89a" + bytes(40), 415),
    ],
    ids=["empty", "text", "truncated", "huge", "gif"],
)
def test_a_bad_image_is_refused_with_cause_and_next_step_and_recorded(api, key, data, status):
    answer = api.post("/api/v1/screenings", headers=key, data={"image": (io.BytesIO(data), "scan.png")})
    assert answer.status_code == status
    told = answer.get_json()
    assert told["verdict"] == "not_screened"
    assert set(told["error"]) == {"code", "title", "detail", "next_step", "reference"}
    assert all(told["error"].values())
    assert api.get(f"/api/v1/screenings/{told['id']}", headers=key).get_json()["verdict"] == "not_screened"


def test_a_wrong_extension_changes_nothing(site, api, key):
    scan = site.chain.scan(Verdict.CLEAN)
    answer = api.post("/api/v1/screenings", headers=key, data={"image": (io.BytesIO(scan), "scan.jpg")})
    assert answer.get_json()["file_type"] == "png"


@pytest.mark.parametrize("form", [True, False])
def test_an_image_that_is_too_large_is_refused(site, api, key, form):
    data = bytes(site.settings.max_image_bytes + 1)
    if form:
        sent = {"image": (io.BytesIO(data), "a.png")}
        environ = EnvironBuilder("/api/v1/screenings", method="POST", headers=key, data=sent).get_environ()
        answer = api.open(environ)
        environ["wsgi.input"].close()  # The builder puts a large body into a file, which nobody else closes.
    else:
        answer = api.post("/api/v1/screenings", headers={**key, "Content-Type": "image/png"}, data=data)
    assert answer.status_code == 413
    assert answer.get_json()["error"]["next_step"] == "Send a smaller file."


def test_a_body_of_another_type_is_refused(api, key):
    assert api.post("/api/v1/screenings", headers=key, json={"image": "x"}).status_code == 415
    assert api.post("/api/v1/screenings", headers=key, data={"picture": (io.BytesIO(b"x"), "a")}).status_code == 422


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "sg_00000000_wrong"}, {"Authorization": "Basic eDp5"}])
def test_without_a_valid_key_nothing_is_answered(api, headers):
    for path in ("/api/v1/screenings", "/api/v1/datasets", "/api/v1/jobs"):
        answer = api.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.get_json()["error"]["code"] == "bad_key"


def test_a_revoked_and_an_expired_key_are_refused(site, api):
    for end in ("revoked", "expired"):
        row, token = create_key(site.database, owner_email=EMAILS["admin"], name=end, scope="screen", days=1)
        assert api.get("/api/v1/screenings", headers={"X-API-Key": token}).status_code == 200
        if end == "revoked":
            revoke_key(site.database, row.id)
        else:
            with site.database.transaction() as session:
                session.get_one(ApiKey, row.id).expires = now()
        assert api.get("/api/v1/screenings", headers={"X-API-Key": token}).status_code == 401


def test_a_session_opens_no_operation_of_the_api(site):
    admin = site.client("admin")
    assert admin.get("/api/v1/screenings").status_code == 401
    assert admin.post("/api/v1/datasets", json={}).status_code == 401


def test_a_screening_key_opens_no_administration(api, key):
    answer = api.post("/api/v1/datasets", headers=key, json={})
    assert answer.status_code == 403
    assert "admin" in answer.get_json()["error"]["next_step"]


def test_screenings_of_others_are_not_found(site, api, key):
    scan = site.chain.scan(Verdict.CLEAN)
    _, other = create_key(site.database, owner_email=EMAILS["other"], name="other", scope="screen")
    made = api.post("/api/v1/screenings", headers={"X-API-Key": other, "Content-Type": "image/png"}, data=scan)
    assert api.get(made.headers["Location"], headers=key).status_code == 404


def test_an_empty_upload_is_refused(api, admin_key):
    answer = api.post("/api/v1/uploads", headers=admin_key, data={"file": (io.BytesIO(b""), "a.zip")})
    assert answer.status_code == 422
    assert "0 bytes" in answer.get_json()["error"]["detail"]


def test_artefacts_are_listed_and_read(site, api, admin_key):
    found = api.get("/api/v1/gates", headers=admin_key).get_json()
    assert [row["id"] for row in found["items"] if row["active"]] == [site.chain.gate.id]
    one = api.get(f"/api/v1/classifiers/{site.chain.classifier.id}", headers=admin_key).get_json()
    assert one["facts"]["classes"] == ["left", "right"]
    again = api.post(f"/api/v1/gates/{site.chain.gate.id}/activate", headers=admin_key)
    assert again.get_json()["active"] is True


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("datasets", {"upload_id": "none", "name": "n"}),
        ("detectors", {"adversarial_id": "none", "name": "n"}),
        ("gates", {"detector_id": "none", "name": "n"}),
        ("gates/none/activate", {}),
    ],
)
def test_an_unknown_id_is_not_found(api, admin_key, path, body):
    answer = api.post(f"/api/v1/{path}", headers=admin_key, json=body)
    assert answer.status_code == 404
    assert "none" in answer.get_json()["error"]["detail"]


def test_the_document_is_valid_and_names_every_operation(site, api):
    answer = api.get("/api/v1/openapi.json")
    spec = answer.get_json()
    validate(spec)
    assert spec["openapi"].startswith("3.1")
    assert "multipart/form-data" in spec["paths"]["/api/v1/screenings"]["post"]["requestBody"]["content"]
    parameter = spec["paths"]["/api/v1/jobs/{job_id}"]["get"]["parameters"][0]
    assert parameter["schema"]["type"] == "integer"
    rules = {rule.endpoint for rule in site.app.url_map.iter_rules() if rule.endpoint.startswith("api_")}
    n_operations = sum(len(item) for path, item in spec["paths"].items() if path.startswith("/api/"))
    assert n_operations == len(rules - {"api_docs.show"})
