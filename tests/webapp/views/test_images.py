"""The images of a data set, as pages and the API list them."""

import re

import pytest

from datasets.decoding import decode
from webapp.queries import galleries


def shown(page):
    return [int(found) for found in re.findall(r'<a href="/datasets/\w+/images/(\d+)"><img', page)]


@pytest.fixture
def dataset(lab):
    return lab.stamped


@pytest.fixture
def where(dataset):
    return f"/datasets/{dataset.id}/images"


@pytest.fixture
def client(lab):
    return lab.client("admin")


def test_every_training_image_of_a_class_stands_under_its_label_and_leads_to_its_picture(dataset, where, client):
    page = client.get(f"{where}?label=1&split=train").text
    wanted = [i for i in dataset.indices("train").tolist() if dataset.items[i].label == 1]
    assert shown(page) == wanted
    assert f"{len(wanted)} images labelled <strong>middle</strong> in the split train" in re.sub(r"\s+", " ", page)
    assert page.count("middle<br>train, ") == len(wanted)
    assert page.count("<h1") == 1
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=", page)
    answer = client.get(f"{where}/{wanted[0]}")
    assert decode(answer.data).levels.shape[:2] == (16, 16)


def test_what_is_filtered_is_counted_and_kept(dataset, where, client):
    page = client.get(f"{where}?label=0").text
    n = sum(item.label == 0 for item in dataset.items)
    assert f'aria-current="true">left ({n})</a>' in page
    assert f'aria-current="true">All splits ({n})</a>' in page
    assert f'href="{where}?label=0&amp;split=test"' in page


def test_pages_hold_every_image_once(dataset, where, client, monkeypatch):
    first, last = (client.get(f"{where}?page={number}").text for number in (1, 3))
    assert len(shown(first)) == galleries.PER_PAGE
    assert 'rel="next"' in first
    assert 'rel="next"' not in last
    every = [i for number in (1, 2, 3) for i in shown(client.get(f"{where}?page={number}").text)]
    assert every == list(range(len(dataset)))
    beyond = client.get(f"{where}?page=9").text
    assert "There is no page 9" in beyond
    assert "The first page" in beyond


@pytest.mark.parametrize(
    ("query", "said"), [("label=3", "no class of the number 3; use 0 to 2"), ("split=val", "no image in a split")]
)
def test_what_is_not_there_is_told_with_what_is(where, client, query, said):
    answer = client.get(f"{where}?{query}")
    assert answer.status_code == 404
    assert said in answer.text


def test_the_data_set_and_a_proposal_lead_there(dataset, where, client):
    page = client.get(f"/datasets/{dataset.id}").text
    for label in range(3):
        assert f'href="{where}?label={label}"' in page
    assert f'href="{where}">All {len(dataset)} images' in page
    proposal = client.get(f"/trusted-subsets/new/{dataset.id}").text
    for label, name in enumerate(dataset.classes):
        assert f'href="{where}?label={label}&amp;split=train">All training images of {name}</a>' in proposal


def test_a_program_lists_and_reads_them(lab, dataset, where, client):
    api, headers = lab.app.test_client(), {"X-API-Key": lab.keys["admin"]}
    told = api.get(f"/api/v1{where}?label=middle&split=train", headers=headers).get_json()
    wanted = [i for i in dataset.indices("train").tolist() if dataset.items[i].label == 1]
    assert ([one["index"] for one in told["items"]], told["n_total"]) == (wanted, len(wanted))
    first = told["items"][0]
    assert (first["name"], first["label"], first["split"]) == (dataset.items[wanted[0]].name, "middle", "train")
    picture = api.get(first["image"], headers=headers)
    assert (picture.mimetype, picture.data) == ("image/png", client.get(f"{where}/{wanted[0]}").data)


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ("?label=up", 404, "no class 'up'; its classes are left, middle, right."),
        ("?split=val", 404, "no image in a split"),
        ("?split=other", 422, "split"),
        ("/987654", 404, "987654"),
    ],
)
def test_what_a_program_asks_in_vain_is_told(lab, where, more, status, said):
    answer = lab.app.test_client().get(f"/api/v1{where}{more}", headers={"X-API-Key": lab.keys["admin"]})
    assert (answer.status_code, said in answer.get_json()["error"]["detail"]) == (status, True), answer.text
