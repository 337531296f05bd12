"""Who reaches which view: every route of the URL map, every role, and nothing that is not listed."""

import re

import pytest

from tests.webapp.views.site import EMAILS, PASSWORD, token_of
from webapp.app import BLUEPRINTS, create_app
from webapp.config import Settings

PUBLIC = {"ops", "api_docs", "openapi", "security", ""}
SIGNED_IN = {"home", "screening"}
ADMINS = {
    "datasets",
    "classifiers",
    "adversarial",
    "detectors",
    "gates",
    "jobs",
    "keys",
    "poisoning",
    "poisoning_finding",
    "poisoning_repair",
    "trusted",
    "audits",
    "history",
}
SCREENING_KEYS = {"api_screenings"}
ADMIN_KEYS = {
    *("api_admin", "api_jobs", "api_poisoning", "api_finding", "api_poisoning_repair", "api_trusted"),
    *("api_audits", "api_history", "api_images", "api_run_images"),
}
ALL = (PUBLIC, SIGNED_IN, ADMINS, SCREENING_KEYS, ADMIN_KEYS)


def routes(app):
    """Each view with a path and a method: ids that exist nowhere, since who may ask is told before what is there."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<any\('([^']+)'.*?\):\w+>", r"\1", rule.rule)
        path = re.sub(r"<int(\(max=\d+\))?:\w+>", "987654", path)
        path = re.sub(r"<(path:)?\w+>", "none", path)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule.endpoint.rpartition(".")[0], path, method


def test_every_route_belongs_to_a_listed_place(site):
    listed = set().union(*ALL)
    assert {place for place, _, _ in routes(site.app)} == listed
    assert {blueprint.name for blueprint, _ in BLUEPRINTS} <= listed


def test_nobody_reaches_a_page_without_logging_in(site):
    client = site.client()
    for place, path, method in routes(site.app):
        if place in SIGNED_IN | ADMINS:
            answer = client.open(path, method=method)
            assert (answer.status_code, "/login" in answer.location) == (302, True), (path, method)


def test_a_clinician_reaches_no_page_of_an_administrator(site):
    client = site.client("clinician")
    token = token_of(client, "/screen")
    for place, path, method in routes(site.app):
        answer = client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
        if place in ADMINS:
            assert answer.status_code == 403, (path, method)
        elif place in SIGNED_IN:
            assert answer.status_code in (200, 404, 422), (path, method)


def test_an_administrator_reaches_every_page(site):
    client = site.client("admin")
    for place, path, method in routes(site.app):
        if place in SIGNED_IN | ADMINS and method == "GET":
            assert client.open(path, method=method).status_code in (200, 404), path


@pytest.mark.parametrize(("name", "allowed"), [("screen", SCREENING_KEYS), ("admin", SCREENING_KEYS | ADMIN_KEYS)])
def test_a_key_opens_what_its_scope_says(site, name, allowed):
    client = site.app.test_client()
    for place, path, method in routes(site.app):
        if place in SCREENING_KEYS | ADMIN_KEYS:
            assert client.open(path, method=method).status_code == 401, path
            answer = client.open(path, method=method, headers={"X-API-Key": site.keys[name]})
            assert (answer.status_code not in (401, 403)) == (place in allowed), (path, method, answer.status_code)


def test_a_key_opens_no_page(site):
    headers = {"X-API-Key": site.keys["admin"], "Authorization": f"Bearer {site.keys['admin']}"}
    assert site.client().get("/jobs/", headers=headers).status_code == 302


def test_a_form_without_its_token_is_refused(site):
    client = site.client("admin")
    n_forms = 0
    for place, path, method in routes(site.app):
        if place in SIGNED_IN | ADMINS and method == "POST":
            answer = client.post(path)
            n_forms += 1
            assert answer.status_code == 400, path
            assert "protection token" in answer.text
    assert n_forms >= 14
    assert client.post("/logout").status_code == 400


def test_a_wrong_password_and_an_unknown_account_are_told_alike(site):
    pages = []
    for email, password in ((EMAILS["admin"], "wrong"), ("nobody@hospital.org", PASSWORD)):
        client = site.client()
        form = {"email": email, "password": password, "csrf_token": token_of(client, "/login")}
        answer = client.post("/login", data=form)
        assert answer.status_code == 200
        pages.append(re.sub(r'value="[^"]*"', "", answer.text))
        assert client.get("/").status_code == 302
    assert pages[0] == pages[1]


def test_logging_out_ends_the_session(site):
    client = site.client("clinician")
    assert client.post("/logout", data={"csrf_token": token_of(client, "/")}).status_code == 302
    assert client.get("/").status_code == 302


def test_guessing_a_password_is_slowed_down(settings):
    app = create_app(settings)
    client = app.test_client()
    form = {"email": EMAILS["admin"], "password": "wrong", "csrf_token": token_of(client, "/login")}
    statuses = [client.post("/login", data=form).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def test_every_answer_carries_the_headers(site):
    for path in ("/login", "/api/v1/screenings", "/nowhere", "/healthz"):
        headers = site.client().get(path).headers
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "private, no-store"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(site, tmp_path):
    client = site.client("clinician")
    cookie = client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires" in cookie
    # A page that polls by itself does not keep the session alive.
    assert "Set-Cookie" not in client.get("/", headers={"HX-Request": "true"}).headers
    secure = create_app(Settings(data_root=tmp_path, secret_key="k", secure_cookies=True))
    assert secure.config["SESSION_COOKIE_NAME"].startswith("__Host-")


def test_a_host_that_is_not_trusted_is_refused(tmp_path):
    app = create_app(Settings(data_root=tmp_path, secret_key="k", trusted_hosts=("scangate.example",)))
    assert app.test_client().get("/healthz", base_url="http://evil.example").status_code == 400
    assert app.test_client().get("/healthz", base_url="http://scangate.example").status_code == 200


def test_without_a_gate_the_way_out_is_told(settings, database):
    from webapp.accounts import create_key, create_user

    create_user(database, email=EMAILS["admin"], password=PASSWORD, role="admin")
    _, token = create_key(database, owner_email=EMAILS["admin"], name="all", scope="admin")
    answer = create_app(settings).test_client().post("/api/v1/screenings", headers={"X-API-Key": token}, data=b"x")
    assert answer.status_code == 415
    headers = {"X-API-Key": token, "Content-Type": "image/png"}
    answer = create_app(settings).test_client().post("/api/v1/screenings", headers=headers, data=b"x")
    assert answer.status_code == 503
    assert "POST /api/v1/gates" in answer.get_json()["error"]["next_step"]


def test_health_tells_whether_scans_can_be_screened(site):
    api = site.client()
    assert api.get("/healthz").get_json() == {"status": "alive"}
    assert api.get("/readyz").get_json()["checks"] == {"database": True, "disk": True, "gate": True}
