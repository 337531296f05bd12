"""Adversarial sets as they are ordered: whole recipes by the API, the choices of the page, and what is refused."""

import re

import pytest

from tests.webapp.views.site import token_of
from webapp.jobs.service import Jobs

HEAD_IN_BF16 = {
    "attacks": [{"name": "pgd", "eps": [16 / 255], "params": {"steps": 2}, "region": "head"}, "fgsm", "deepfool"],
    "splits": ["test"],
    "per_cell": {"test": 4},
    "targeted": True,
    "precision": "bf16",
}


def body(site, **more):
    return {"dataset_id": site.chain.dataset.id, "classifier_id": site.chain.classifier.id, "name": "n", **more}


def order(site, api, admin_key, **more):
    return api.post("/api/v1/adversarial-sets", headers=admin_key, json=body(site, **more))


def recipe_of_job(site, where):
    return Jobs(site.database, site.settings).get(int(where.rpartition("/")[2])).params["recipe"]


def test_a_whole_recipe_is_carried_out_and_told(site, api, admin_key, admin):
    answer = order(site, api, admin_key, recipe=HEAD_IN_BF16)
    assert answer.status_code == 202, answer.text
    where = answer.headers["Location"]
    Jobs(site.database, site.settings).run_until_ended(int(where.rpartition("/")[2]))
    told = api.get(where, headers=admin_key).get_json()
    assert told["state"] == "done", told["error"]
    made = api.get(f"/api/v1/adversarial-sets/{told['artefact_id']}", headers=admin_key).get_json()["facts"]
    assert (made["n"], made["targeted"]) == (12, True)
    assert made["precision"] == {"pgd": "bf16", "fgsm": "bf16", "deepfool": "fp32"}
    assert [(count["attack"], count["region"]) for count in made["counts"]] == [
        ("pgd", "head"),
        ("fgsm", "image"),
        ("deepfool", "image"),
    ]
    page = admin.get(f"/adversarial-sets/{told['artefact_id']}").text
    assert "aimed at the class that the classifier believed in least" in page
    assert "bf16 of PGD, FGSM; fp32 of DeepFool" in page
    assert page.count("<td>head</td>") == 1


def test_a_usual_set_says_nothing_of_precision_and_aim(site, admin):
    page = admin.get(f"/adversarial-sets/{site.chain.adversarial_set.id}").text
    assert "Precision of the gradients" not in page
    assert "believed in least" not in page


def test_the_choices_of_the_page_are_those_of_the_api(site, api, admin, admin_key):
    answer = order(
        site, api, admin_key, attacks=["fgsm", "cw"], eps=[8 / 255], per_cell=4, seed=3,
        region="head", targeted=True, precision="bf16",
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    sent = send(site, admin, region="head", goal="least_likely", precision="bf16")
    assert sent.status_code == 302, sent.text
    by_api, by_page = recipe_of_job(site, answer.headers["Location"]), recipe_of_job(site, sent.location)
    assert by_api == by_page
    assert {spec["region"] for spec in by_page["attacks"]} == {"head"}
    assert (by_page["targeted"], by_page["precision"], by_page["per_cell"]) == (True, "bf16", 4)


def test_what_the_page_does_not_send_is_the_usual(site, admin):
    recipe = recipe_of_job(site, send(site, admin).location)
    assert {spec["region"] for spec in recipe["attacks"]} == {"image"}
    assert (recipe["targeted"], recipe["precision"]) == (False, "fp32")


@pytest.mark.parametrize(("field", "value"), [("region", "neck"), ("goal", "mine"), ("precision", "fp8")])
def test_a_choice_that_is_none_is_refused_by_the_page(site, admin, field, value):
    answer = send(site, admin, **{field: value})
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text


def test_the_page_offers_its_choices_without_script_and_names_the_way_to_the_rest(admin):
    page = admin.get("/adversarial-sets/new").text
    boxes = re.findall(r'name="(region|goal|precision)" type="radio" value="(\w+)"', page)
    offered = {("region", "image"), ("region", "head"), ("goal", "any"), ("goal", "least_likely")}
    assert set(boxes) == offered | {("precision", "fp32"), ("precision", "bf16")}
    assert len(re.findall('<input checked [^>]*type="radio"', page)) == 3
    assert 'href="/api/v1/docs"' in page
    assert "given as a recipe" in page


def send(site, admin, **more):
    form = body(site, attacks=["fgsm", "cw"], eps="8", per_cell="4", seed="3")
    return admin.post(
        "/adversarial-sets/new", data={"csrf_token": token_of(admin, "/adversarial-sets/new"), **form, **more}
    )


def test_a_recipe_that_is_too_large_comes_back_with_what_was_typed(site, admin):
    radii = ", ".join(str(k / 8) for k in range(1, 1101))
    answer = send(site, admin, eps=radii, name="Very many")
    assert answer.status_code == 422
    assert "give at most" in answer.text
    assert 'value="Very many"' in answer.text
    assert radii in answer.text


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({}, "a recipe is a JSON object with attacks"),
        ({"attacks": []}, "name at least one attack"),
        ({"attacks": 5}, "attacks of type int; give a list"),
        ({"attacks": ["fabulous"]}, "no attack 'fabulous'; there are fgsm"),
        ({"attacks": [{"name": "pgd", "params": {"stepps": 3}}]}, "pgd has no parameter stepps; it has"),
        ({"attacks": [{"name": "pgd", "params": {"steps": 0}}]}, "steps 0; give a whole number within [1, "),
        ({"attacks": [{"name": "pgd", "eps": [2]}]}, "eps 2; a linf radius lies within [0, 1]"),
        ({"attacks": [{"name": "pgd", "eps": [float("nan")]}]}, "eps nan; a linf radius lies within [0, 1]"),
        ({"attacks": [{"name": "pgd", "region": "neck"}]}, "region 'neck' of pgd; give one of image, head"),
        ({"attacks": [{"name": "art:Fabulous"}]}, "the toolbox has no attack 'Fabulous'"),
        ({"attacks": ["pgd"], "precision": "fp8"}, "precision 'fp8'; give one of fp32, bf16"),
        ({"attacks": ["pgd"], "targeted": "least"}, "targeted 'least'; give true or false"),
        ({"attacks": ["pgd"], "splits": ["exam"]}, "splits ['exam']; give some of"),
        ({"attacks": ["pgd"], "per_cell": {"test": 0}}, "per_cell names ['test']"),
        ({"attacks": ["pgd"], "per_cell": 0}, "per_cell 0 for detector"),
        ({"attacks": ["pgd"], "seed": -1}, "seed -1; give a whole number"),
        ({"attacks": ["pgd"], "colour": 1}, "a recipe has no colour; it has attacks, splits"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_in_a_sentence(site, api, admin_key, recipe, sentence):
    if recipe.get("attacks") == [{"name": "art:Fabulous"}]:
        pytest.importorskip("art")
    if recipe.get("per_cell") == {"test": 0}:
        recipe = {**recipe, "splits": ["detector"]}
    before = n_jobs(api, admin_key)
    answer = order(site, api, admin_key, recipe=recipe)
    assert answer.status_code == 422
    error = answer.get_json()["error"]
    assert error["code"] == "bad_recipe"
    assert sentence in error["detail"]
    assert n_jobs(api, admin_key) == before


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"recipe": 5}, "recipe: "),
        ({"recipe": ["pgd"]}, "recipe: "),
        ({"recipe": {"attacks": ["pgd"]}, "eps": [0.1], "seed": 0}, "recipe: eps, seed beside a recipe; give"),
        ({"region": "neck"}, "region: "),
        ({"precision": "fp8"}, "precision: "),
        ({"targeted": "perhaps"}, "targeted: "),
        ({"attacks": ["art:SaliencyMapMethod"]}, "attacks"),
        ({"params": {"steps": 3}}, "params: "),
    ],
)
def test_an_order_that_is_not_as_it_must_be_names_the_field(site, api, admin_key, more, sentence):
    answer = order(site, api, admin_key, **more)
    assert answer.status_code == 422
    assert answer.get_json()["error"]["detail"].startswith(sentence)


def test_an_attack_of_the_toolbox_can_be_ordered(site, api, admin_key):
    pytest.importorskip("art")
    attack = {"name": "art:SaliencyMapMethod", "params": {"theta": 0.1}}
    answer = order(site, api, admin_key, recipe={"attacks": [attack], "splits": ["test"], "per_cell": 2})
    assert answer.status_code == 202, answer.text


def n_jobs(api, admin_key):
    return api.get("/api/v1/jobs", headers=admin_key).get_json()["n_total"]
