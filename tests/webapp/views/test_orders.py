"""Orders by the JSON API: what each makes, and what is no order."""

import pytest

from datasets.atomic import read_json
from pipeline.training.hardening_settings import HardeningSettings
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact


def test_every_order_answers_with_its_job(site, api, admin_key):
    chain = site.chain
    orders = {
        "classifiers": {"dataset_id": chain.dataset.id, "name": "n", "epochs": 1},
        "adversarial-sets": {"dataset_id": chain.dataset.id, "classifier_id": chain.classifier.id, "name": "n"},
        "detectors": {"adversarial_id": chain.adversarial_set.id, "name": "n"},
        "gates": {"detector_id": chain.detector.id, "name": "n", "alpha": chain.gate.alpha},
    }
    for collection, body in orders.items():
        answer = api.post(f"/api/v1/{collection}", headers=admin_key, json=body)
        assert answer.status_code == 202, answer.text
        where = answer.headers["Location"]
        assert api.get(where, headers=admin_key).get_json()["state"] == "queued"
        assert api.post(f"{where}/cancel", headers=admin_key).status_code == 200


def test_an_ordered_import_makes_the_data_set(site, api, admin_key):
    body = {"upload_id": site.upload_id, "name": "Again", "seed": 5}
    where = api.post("/api/v1/datasets", headers=admin_key, json=body).headers["Location"]
    told = ended(site, api, admin_key, where)
    assert told["state"] == "done", told["error"]
    made = api.get(f"/api/v1/datasets/{told['artefact_id']}", headers=admin_key).get_json()
    assert (made["name"], made["facts"]["classes"]) == ("Again", ["left", "right"])


def test_weights_are_imported_from_an_upload(site, api, admin_key):
    weights = (site.chain.classifier.folder / "weights.safetensors").read_bytes()
    sent = api.post("/api/v1/uploads?name=net.safetensors", headers=admin_key, data=weights)
    assert sent.status_code == 201
    side, dataset_id = site.chain.classifier.spec.height, site.chain.dataset.id
    body = {"upload_id": sent.get_json()["id"], "dataset_id": dataset_id, "name": "brought", "side": side, "mean": 0.4}
    answer = api.post("/api/v1/classifiers", headers=admin_key, json=body)
    told = ended(site, api, admin_key, answer.headers["Location"])
    assert (told["kind"], told["state"]) == ("import_classifier", "done"), told["error"]
    made = api.get(f"/api/v1/classifiers/{told['artefact_id']}", headers=admin_key).get_json()
    assert made["name"] == "brought"
    assert made["facts"]["weights_sha256"] == site.chain.classifier.weights_sha256
    folder = site.settings.data_root / "models" / told["artefact_id"]
    assert read_json(folder / "classifier.json")["notes"]["file"] == "net.safetensors"


def ended(site, api, headers, where):
    Jobs(site.database, site.settings).run_until_ended(int(where.rpartition("/")[2]))
    return api.get(where, headers=headers).get_json()


@pytest.mark.parametrize("name", ["", " ", "\t\n"])
def test_a_blank_name_is_refused(site, api, admin_key, name):
    answer = api.post("/api/v1/datasets", headers=admin_key, json={"upload_id": site.upload_id, "name": name})
    assert answer.status_code == 422
    assert "name" in answer.get_json()["error"]["detail"]


def test_an_order_that_is_not_json_is_refused(site, api, admin_key):
    answer = api.post("/api/v1/datasets", headers=admin_key, data={"upload_id": site.upload_id, "name": "n"})
    assert answer.status_code == 415
    error = answer.get_json()["error"]
    assert "application/x-www-form-urlencoded" in error["detail"]
    assert "application/json" in error["next_step"]


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**40])
def test_a_number_that_no_row_has_is_not_found(site, api, admin_key, number):
    assert api.get(f"/api/v1/jobs/{number}", headers=admin_key).status_code == 404
    assert api.post(f"/api/v1/jobs/{number}/cancel", headers=admin_key).status_code == 404
    assert site.client("admin").get(f"/jobs/{number}").status_code == 404


@pytest.mark.parametrize("eps", [-0.1, 0, 1.5])
def test_a_radius_outside_its_range_is_refused(site, api, admin_key, eps):
    body = {"dataset_id": site.chain.dataset.id, "classifier_id": site.chain.classifier.id, "name": "n", "eps": [eps]}
    answer = api.post("/api/v1/adversarial-sets", headers=admin_key, json=body)
    assert answer.status_code == 422
    assert "8/255" in answer.get_json()["error"]["detail"]


def test_a_malformed_body_is_told_as_json(api, admin_key):
    headers = {**admin_key, "Content-Type": "application/json"}
    answer = api.post("/api/v1/datasets", headers=headers, data="{")
    assert answer.status_code == 400
    assert answer.get_json()["error"]["next_step"]


def test_a_hardened_classifier_is_ordered_and_shown(site, api, admin, admin_key):
    body = {"dataset_id": site.chain.dataset.id, "name": "Hard", "side": 32, "epochs": 1}
    body |= {"harden": "fast", "harden_eps": 2 / 255}
    answer = api.post("/api/v1/classifiers", headers=admin_key, json=body)
    told = ended(site, api, admin_key, answer.headers["Location"])
    assert told["state"] == "done", told["error"]
    made = api.get(f"/api/v1/classifiers/{told['artefact_id']}", headers=admin_key).get_json()
    how = made["facts"]["hardening"]
    assert (how["method"], how["eps"], how["robustness"]["steps"]) == ("fast", 2 / 255, 10)
    page = admin.get(f"/classifiers/{told['artefact_id']}").text
    assert "by FGSM with a random start, within 2/255" in page
    assert "Robust validation accuracy" in page
    assert f"of {how['robustness']['n']} images under PGD of 10 steps within 2/255" in page
    assert "Robust" not in admin.get(f"/classifiers/{site.chain.classifier.id}").text


def test_a_collapse_is_told_on_the_page(site, api, admin, admin_key):
    with site.database.transaction() as session:
        row = session.get(Artefact, site.chain.classifier.id)
        before = dict(row.facts)
        robustness = {"attack": "pgd", "steps": 10, "eps": 4 / 255, "n": 9, "accuracy": 0.5, "collapsed": "it <fell>"}
        how = HardeningSettings(method="pgd", share=0.5).to_json()
        row.facts = {**before, "hardening": {**how, "by": "PGD", "robustness": robustness}}
    page = admin.get(f"/classifiers/{site.chain.classifier.id}").text
    with site.database.transaction() as session:
        session.get(Artefact, site.chain.classifier.id).facts = before
    assert "by PGD, 7 steps, within 4/255, 50.0 % of each batch" in page
    assert "Training ended early: it &lt;fell&gt;." in page
