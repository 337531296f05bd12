"""The images of a run of the poisoning lab by the JSON API."""

import pytest

from webapp.jobs.service import Jobs

RUNS = "/api/v1/poisoning/runs"


def made_by(site, collection, **body):
    api, headers = site.app.test_client(), {"Authorization": f"Bearer {site.keys['admin']}"}
    asked = {"dataset_id": site.chain.dataset.id, "name": "To be looked at", "epochs": 1, **body}
    answer = api.post(f"/api/v1/poisoning/{collection}", headers=headers, json=asked)
    assert answer.status_code == 202, answer.text
    jobs, job_id = Jobs(site.database, site.settings), int(answer.headers["Location"].rpartition("/")[2])
    jobs.run_until_ended(job_id)
    told = jobs.progress(job_id)
    assert told.state == "done", told.error
    return told.artefact_id


@pytest.fixture(scope="module")
def flips(site):
    return made_by(site, "flips", kind="pairwise", source="left", target="right", ratio=0.4)


@pytest.fixture(scope="module")
def backdoor(site):
    return made_by(site, "backdoors", target="right", rate=0.1, original_id=site.chain.classifier.id)


@pytest.fixture
def read(api, admin_key):
    def told(where, **query):
        answer = api.get(f"{RUNS}/{where}", headers=admin_key, query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    return told


def numbers(page):
    return [one["index"] for one in page["items"]]


def test_test_images_come_with_what_every_model_says(site, read, flips):
    dataset, page = site.chain.dataset, read(f"{flips}/tests")
    report = read(flips)
    assert page["n_total"] == len(dataset.indices("test"))
    assert page["n_pages"] == -(-page["n_total"] // 24)
    for one in page["items"]:
        item = dataset.items[one["index"]]
        assert (one["name"], one["label"]) == (item.name, dataset.classes[item.label])
        assert [said["model"] for said in one["models"]] == ["original model", "poisoned model"]
        assert all(said["right"] == (said["predicted"] == one["label"]) for said in one["models"])
        assert (one["with_trigger"], one["image_with_trigger"]) == (None, None)
    seen = [one for number in range(page["n_pages"]) for one in read(f"{flips}/tests", page=number + 1)["items"]]
    assert sorted(one["index"] for one in seen) == dataset.indices("test").tolist()
    right = sum(one["models"][1]["right"] for one in seen) / len(seen)
    assert right == pytest.approx(report["poisoned"]["report"]["accuracy"])


def test_a_seed_draws_the_same_images_as_on_the_page(read, admin, flips):
    first, again, other = (numbers(read(f"{flips}/tests", seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    page = admin.get(f"/lab/poisoning/{flips}/tests?seed=1").text
    places = [page.index(f"<strong>Test image {number}</strong>") for number in first[:8]]
    assert places == sorted(places)


def test_those_that_the_models_call_differently_are_listed_alone(read, flips):
    changed, every = read(f"{flips}/tests", which="changed"), read(f"{flips}/tests")
    assert changed["n_total"] <= every["n_total"]
    for one in changed["items"]:
        before, after = one["models"]
        assert before["predicted"] != after["predicted"]


def test_an_image_is_read_by_its_number(site, read, flips):
    number = int(site.chain.dataset.indices("test")[-1])
    page = read(f"{flips}/tests", item=number)
    assert (numbers(page), page["n_total"]) == ([number], 1)


def test_a_backdoor_tells_of_the_trigger_as_well(read, api, admin_key, backdoor):
    one = read(f"{backdoor}/tests")["items"][0]
    for said in (one["models"], one["with_trigger"]):
        assert [told["model"] for told in said] == ["clean model", "dirty-label backdoor"]
    pictures = [api.get(one[name], headers=admin_key) for name in ("image", "image_with_trigger")]
    assert [answer.mimetype for answer in pictures] == ["image/png"] * 2
    assert pictures[0].data != pictures[1].data


def test_flipped_training_images_have_both_labels_and_their_picture_stays(read, api, admin_key, flips):
    page = read(f"{flips}/training")
    assert page["n_total"] == read(flips)["n_flipped"]
    for one in page["items"]:
        assert {one["label"], one["true_label"]} == {"left", "right"}
        assert (one["flipped"], one["stamped"], one["image_difference"]) == (True, False, None)
    learned, clean = (api.get(page["items"][0][name], headers=admin_key) for name in ("image", "image_clean"))
    assert learned.data == clean.data


def test_all_training_images_are_listed_with_a_mark_on_the_flipped(site, read, flips):
    first = read(f"{flips}/training", which="all")
    seen = [
        one
        for number in range(first["n_pages"])
        for one in read(f"{flips}/training", which="all", page=number + 1)["items"]
    ]
    assert sorted(one["index"] for one in seen) == site.chain.dataset.indices("train").tolist()
    assert sum(one["flipped"] for one in seen) == read(flips)["n_flipped"]
    assert all(one["flipped"] == (one["label"] != one["true_label"]) for one in seen)


def test_stamped_training_images_show_what_was_changed(read, api, admin_key, backdoor):
    page = read(f"{backdoor}/training")
    assert page["n_total"] == read(backdoor)["rates"]["n"]
    assert all(one["stamped"] and one["label"] == "right" for one in page["items"])
    names = ("image", "image_clean", "image_difference")
    pictures = [api.get(page["items"][0][name], headers=admin_key) for name in names]
    assert [answer.status_code for answer in pictures] == [200] * 3
    assert len({answer.data for answer in pictures}) == 3


def test_a_page_beyond_the_last_is_empty(read, flips):
    for listed in ("tests", "training"):
        page = read(f"{flips}/{listed}", page=999)
        assert (page["items"], page["page"]) == ([], 999)
        assert page["n_total"] > 0


@pytest.mark.parametrize(
    ("where", "status", "code", "said"),
    [
        ("gone/tests", 404, "unknown_record", "There is no poisoning run with the id gone"),
        ("gone/training", 404, "unknown_record", "There is no poisoning run with the id gone"),
        ("gone/images/0/clean", 404, "unknown_record", "There is no poisoning run with the id gone"),
        ("RUN/tests?item=999999", 404, "unknown_item", "Item 999999 is no test image; there are "),
        ("RUN/tests?item=-1", 422, "unprocessable_entity", "item"),
        ("RUN/tests?item=three", 422, "unprocessable_entity", "item"),
        ("RUN/tests?which=poisoned", 422, "unprocessable_entity", "which: Must be one of: all, changed"),
        ("RUN/tests?seed=-1", 422, "unprocessable_entity", "seed"),
        ("RUN/tests?page=0", 422, "unprocessable_entity", "page"),
        ("RUN/training?which=changed", 422, "unprocessable_entity", "which: Must be one of: poisoned, all"),
        ("RUN/training?page=0", 422, "unprocessable_entity", "page"),
        ("RUN/images/999999/clean", 404, "unknown_item", "999999"),
        ("RUN/images/0/upside-down", 404, "not_found", "nothing at this address"),
        ("RUN/images/0/tested", 404, "unknown_item", "flipped labels change no picture"),
    ],
)
def test_what_is_not_there_is_refused(api, admin_key, flips, where, status, code, said):
    answer = api.get(f"{RUNS}/{where.replace('RUN', flips)}", headers=admin_key)
    told = answer.get_json()["error"]
    assert (answer.status_code, told["code"]) == (status, code), answer.text
    assert said in told["detail"]


def test_a_key_for_screening_sees_none_of_them(api, key, flips):
    for where in ("tests", "training", "images/0/clean"):
        assert api.get(f"{RUNS}/{flips}/{where}", headers=key).status_code == 403
        assert api.get(f"{RUNS}/{flips}/{where}").status_code == 401


def test_the_document_tells_both_lists(api):
    paths = api.get("/api/v1/openapi.json").get_json()["paths"]
    for listed, asked in (("tests", {"which", "item", "seed", "page"}), ("training", {"which", "page"})):
        told = paths[f"{RUNS}/{{run_id}}/{listed}"]["get"]
        assert {one["name"] for one in told["parameters"]} == {"run_id", *asked}
        assert {"200", "401", "403", "404", "422"} <= set(told["responses"])
