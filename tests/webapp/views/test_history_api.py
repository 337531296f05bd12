"""Histories by the JSON API."""

import random
import re

import pytest
from openapi_spec_validator import validate

from pipeline.artefacts import DataRoot
from pipeline.provenance.chain import HISTORY, read_history
from tests.webapp.views.own import copied
from tests.webapp.views.site import EMAILS, n_jobs, token_of
from tests.webapp.views.test_history import TAMPERING, WHY, break_link, folder_of, made_ids, relabel
from webapp.jobs.service import Jobs
from webapp.queries import changes


@pytest.fixture
def own(site, tmp_path):
    """A copy of the site, which a test may tamper with."""
    with copied(site, tmp_path / "root") as made:
        yield made


@pytest.fixture
def program(own):
    return own.app.test_client()


def path_of(site, kind, more=""):
    return f"/api/v1/history/{made_ids(site)[kind]}{more}"


def test_a_history_is_read_with_its_descent(site, api, admin_key):
    told = api.get(path_of(site, "gates"), headers=admin_key).get_json()
    assert (told["kind"], told["subject"]) == ("gate", f"gates/{site.chain.gate.id}")
    (event,) = told["events"]
    assert (event["kind"], event["seq"], event["previous"]) == ("release", 1, "0" * 64)
    depths = {one["subject"].partition("/")[0]: one["depth"] for one in told["descent"]}
    assert depths == {"models": 1, "detectors": 1, "datasets": 2, "adversarial": 2}
    kinds = {event["kind"] for one in told["descent"] for event in one["events"]}
    assert kinds >= {"import", "training", "attack"}


def test_a_verification_is_answered_and_kept(own, program, admin_key):
    where = path_of(own, "models")
    assert program.get(f"{where}/verification", headers=admin_key).get_json()["error"]["code"] == "not_verified"
    told = program.post(f"{where}/verify", headers=admin_key).get_json()
    assert (told["ok"], told["items"], told["n_files"], told["by"]) == (True, [], 2, EMAILS["admin"])
    assert program.get(f"{where}/verification", headers=admin_key).get_json() == told


@pytest.mark.parametrize("what", TAMPERING)
def test_a_changed_byte_is_named(own, program, admin_key, what):
    kind, tamper, pattern = TAMPERING[what]
    tamper(folder_of(own, kind))
    told = program.post(path_of(own, kind, "/verify"), headers=admin_key).get_json()
    assert told["ok"] is False
    assert any(re.search(pattern, line) for line in told["items"])
    assert told["n_total"] == len(told["items"])


def test_a_random_byte_is_named_and_never_an_error_of_ours(own, program, admin_key):
    rng, folder, where = random.Random(5), folder_of(own, "datasets"), path_of(own, "datasets")
    assert program.post(f"{where}/trust", headers=admin_key, json={"why": WHY}).status_code == 201
    for name in ("manifest.json", HISTORY, "dataset.h5") * 8:
        content = (folder / name).read_bytes()
        at = rng.randrange(len(content))
        (folder / name).write_bytes(content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :])
        told = program.post(f"{where}/verify", headers=admin_key)
        assert (told.status_code, told.get_json()["ok"]) == (200, False), (name, at)
        assert name in " ".join(told.get_json()["items"])
        refused = [program.post(f"{where}/trust", headers=admin_key, json={"why": WHY})]
        refused.append(program.get(f"{where}/croissant", headers=admin_key))
        assert [one.status_code for one in refused] == [409, 409], (name, at, refused[0].text)
        shown = program.get(f"{where}/changes", headers=admin_key)
        assert shown.status_code == (409 if name == HISTORY else 200), (name, at, shown.text)
        (folder / name).write_bytes(content)
    assert program.post(f"{where}/verify", headers=admin_key).get_json()["ok"] is True


def test_a_broken_link_is_a_conflict_and_changes_nothing(own, program, admin_key):
    folder, where = folder_of(own, "datasets"), path_of(own, "datasets")
    break_link(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    asked = [program.get(f"{where}{more}", headers=admin_key) for more in ("", "/changes", "/croissant")]
    asked.append(program.post(f"{where}/trust", headers=admin_key, json={"why": WHY}))
    for answer in asked:
        assert answer.status_code == 409
        error = answer.get_json()["error"]
        assert error["code"] == "broken_history"
        assert "event 1 (import" in error["detail"]
        assert "backup" in error["detail"]
        for step in (
            "Look at the history",
            "verify it",
            "whole folder back from a backup",
            "trust ID --anew --by NAME",
        ):
            assert step in error["next_step"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_nothing_is_ordered_on_a_broken_history(own, program, admin_key):
    chain, n = own.chain, n_jobs(own)
    for kind in ("datasets", "models", "adversarial", "detectors"):
        break_link(folder_of(own, kind))
    orders = {
        "classifiers": {"dataset_id": chain.dataset.id, "name": "n"},
        "adversarial-sets": {"dataset_id": chain.dataset.id, "classifier_id": chain.classifier.id, "name": "n"},
        "detectors": {"adversarial_id": chain.adversarial_set.id, "name": "n"},
        f"detectors/{chain.detector.id}/evaluate": {},
        "gates": {"detector_id": chain.detector.id, "name": "n"},
        "poisoning/flips": {"dataset_id": chain.dataset.id, "name": "n", "source": "0", "target": "1"},
        "poisoning/audits": {"classifier_id": chain.classifier.id, "dataset_id": chain.dataset.id, "name": "n"},
    }
    for where, body in orders.items():
        answer = program.post(f"/api/v1/{where}", headers=admin_key, json=body)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "broken_history"), where
    form = {"name": "n", "architecture": "SequentialCNN", "side": "32", "epochs": "1", "seed": "0"}
    person = own.client("admin")
    form |= {"dataset_id": chain.dataset.id, "harden": "none", "csrf_token": token_of(person, "/classifiers/train")}
    page = person.post("/classifiers/train", data=form)
    assert (page.status_code, "it does not hash to what is written there" in page.text) == (409, True)
    assert "vouch for it anew by name" in page.text
    assert "Reload the page" not in page.text
    assert n_jobs(own) == n


def test_somebody_vouches_and_changes_are_told_against_that(own, program, admin_key):
    where = path_of(own, "datasets")
    answer = program.get(f"{where}/changes", headers=admin_key)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "no_history")
    made = program.post(f"{where}/trust", headers=admin_key, json={"why": WHY})
    assert made.status_code == 201
    event = made.get_json()
    assert (event["kind"], event["by"], event["what"]["why"]) == ("trust", EMAILS["admin"], WHY)
    relabel(folder_of(own, "datasets"))
    told = program.get(f"{where}/changes", headers=admin_key).get_json()
    assert (told["since"], told["counts"], told["events"]) == (event, {"label": 1}, [])
    (one,) = told["items"]
    assert (one["what"], one["index"], one["now"], one["was"]) == ("label", 3, "1", "0")
    assert program.get(f"{where}/changes?what=added", headers=admin_key).get_json()["counts"] == {"label": 1}
    subject = f"datasets/{own.chain.dataset.id}"
    assert (one["subject"], told["unvouched"]) == (subject, [])
    assert told["compared"] == [{"subject": subject, "since": event, "n": 1}]
    of_model = program.get(f"{path_of(own, 'models')}/changes", headers=admin_key).get_json()
    assert (of_model["since"], of_model["compared"], of_model["items"]) == (event, told["compared"], told["items"])
    subject = f"models/{own.chain.classifier.id}"
    assert of_model["unvouched"] == [{"subject": subject, "missing": ""}]


@pytest.mark.parametrize(
    ("body", "said"), [({}, "why"), ({"why": "short"}, "why"), ({"why": WHY, "by": "somebody else"}, "by")]
)
def test_a_trust_without_a_reason_or_in_another_name_is_refused(own, program, admin_key, body, said):
    answer = program.post(path_of(own, "datasets", "/trust"), headers=admin_key, json=body)
    assert answer.status_code == 422
    assert said in answer.get_json()["error"]["detail"]
    events = read_history(folder_of(own, "datasets"), DataRoot(own.settings.data_root))
    assert [event.kind for event in events] == ["import", "split"]


def test_large_ones_answer_with_a_job(own, program, admin_key, monkeypatch):
    monkeypatch.setattr(changes, "LARGE_ITEMS", 10)
    where, jobs = path_of(own, "datasets"), Jobs(own.database, own.settings)
    vouched = program.post(f"{where}/trust", headers=admin_key, json={"why": WHY})
    assert vouched.status_code == 202
    jobs.run_until_ended(vouched.get_json()["id"])
    refused = program.get(f"{where}/changes", headers=admin_key)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "not_compared")
    answer = program.post(f"{where}/verify", headers=admin_key)
    assert (answer.status_code, answer.get_json()["kind"]) == (202, "verify_history")
    assert answer.headers["Location"].endswith(f"/jobs/{answer.get_json()['id']}")
    jobs.run_until_ended(answer.get_json()["id"])
    assert program.get(f"{where}/verification", headers=admin_key).get_json()["ok"] is True
    assert program.get(f"{where}/changes", headers=admin_key).get_json()["counts"] == {}


def test_exports_are_read(site, api, admin_key):
    told = api.get(path_of(site, "datasets", "/croissant?license=CC0"), headers=admin_key)
    assert (told.mimetype, told.get_json(force=True)["license"]) == ("application/ld+json", "CC0")
    bom = api.get(path_of(site, "models", "/cyclonedx"), headers=admin_key)
    assert bom.mimetype == "application/vnd.cyclonedx+json"
    assert bom.get_json(force=True)["specVersion"] == "1.6"
    lines = api.get(path_of(site, "models", "/history.jsonl"), headers=admin_key).data
    assert lines == (site.settings.data_root / "models" / site.chain.classifier.id / HISTORY).read_bytes()
    wrong = api.get(path_of(site, "detectors", "/cyclonedx"), headers=admin_key)
    assert (wrong.status_code, "only a classifier" in wrong.get_json()["error"]["detail"]) == (404, True)


def test_unknown_ids_and_narrow_keys_reach_nothing(site, api, key, admin_key):
    n = n_jobs(site)
    assert api.get("/api/v1/history/none", headers=admin_key).status_code == 404
    for more in ("/verify", "/trust"):
        assert api.post(f"/api/v1/history/none{more}", headers=admin_key, json={"why": WHY}).status_code == 404
        assert api.post(path_of(site, "gates", more), headers=key, json={"why": WHY}).status_code == 403
    assert n_jobs(site) == n


def test_the_document_describes_every_operation(api):
    spec = api.get("/api/v1/openapi.json").get_json()
    validate(spec)
    paths = {path: set(item) for path, item in spec["paths"].items() if path.startswith("/api/v1/history")}
    where = "/api/v1/history/{artefact_id}"
    gets = {
        f"{where}{more}" for more in ("", "/verification", "/changes", "/history.jsonl", "/croissant", "/cyclonedx")
    }
    assert paths == {**{one: {"get"} for one in gets}, f"{where}/verify": {"post"}, f"{where}/trust": {"post"}}
    body = spec["paths"][f"{where}/trust"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["example"]) == {"why"}
    given = spec["paths"][f"{where}/croissant"]["get"]["responses"]["200"]["content"]
    assert set(given) == {"application/ld+json"}
