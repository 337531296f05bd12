"""Trusted subsets: images to look at, those that somebody vouches for, and what nobody can vouch for."""

import re

import numpy as np
import pytest
from sqlalchemy import select

from pipeline.poisoning.trusted import open_trusted, proposed
from pipeline.provenance.chain import read_history
from pipeline.provenance.record import has_history
from tests.webapp.views.site import EMAILS, token_of
from webapp.records.artefacts import Artefact, ArtefactKind


def where(lab, **more):
    return f"/trusted-subsets/new/{lab.bars.id}" + "".join(
        f"{'&' if k else '?'}{name}={value}" for k, (name, value) in enumerate(more.items())
    )


def shown(page):
    return [int(found) for found in re.findall(r'name="items" value="(\d+)"', page)]


def send(client, path, items):
    return client.post(path, data={"items": items, "csrf_token": token_of(client, path)})


def rows_of(lab):
    with lab.database.reading() as session:
        return list(session.scalars(select(Artefact).where(Artefact.kind == ArtefactKind.TRUSTED)))


def test_twenty_of_each_class_are_shown_and_none_is_ticked(lab):
    page = lab.client("admin").get(where(lab)).text
    labels = lab.bars.labels[shown(page)]
    assert np.bincount(labels).tolist() == [20, 20, 20]
    assert shown(page) != sorted(shown(page))
    assert not re.search(r"<input[^>]* checked", page)
    assert page.count("<h1") == 1
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=", page)
    assert f'src="/datasets/{lab.bars.id}/images/{shown(page)[0]}"' in page


def test_others_are_drawn_by_the_seed_in_the_address(lab):
    client = lab.client("admin")
    page = client.get(where(lab, per_class=5, seed=0)).text
    assert len(shown(page)) == 15
    other = re.search(r'href="([^"]+)">Draw others', page)[1].replace("&amp;", "&")
    assert "seed=1" in other
    assert "per_class=5" in other
    assert set(shown(client.get(other).text)) != set(shown(page))
    assert shown(client.get(where(lab, per_class=5, seed=0)).text) == shown(page)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"per_class": 3}, "Use 4 to 100"), ({"per_class": "x"}, "no whole number"), ({"seed": -1}, "Use 0 or more")],
)
def test_a_draw_that_cannot_be_is_told_so(lab, more, said):
    answer = lab.client("admin").get(where(lab, **more))
    assert answer.status_code == 422
    assert said in answer.text


def test_ticked_images_are_vouched_for_under_the_name_of_who_is_signed_in(lab):
    client, path = lab.client("admin"), where(lab, per_class=5, seed=7)
    ticked, n = shown(client.get(path).text)[:-1], len(rows_of(lab))
    answer = send(client, path, ticked)
    assert answer.status_code == 302, answer.text
    subset = open_trusted(lab.root.trusted / answer.location.rpartition("/")[2])
    assert subset.by == EMAILS["admin"]
    assert subset.rows(lab.bars).tolist() == sorted(ticked)
    newest = read_history(lab.bars.folder, lab.root)[-1]
    assert (newest.by, newest.what["subset"]) == (EMAILS["admin"], subset.id)
    page = client.get(answer.location).text
    assert EMAILS["admin"] in page
    assert f"/images/{ticked[0]}" in page
    assert "14 images of bars" in client.get("/trusted-subsets/").text
    again = send(client, path, ticked)
    assert again.location == answer.location
    assert len(rows_of(lab)) == n + 1


def test_a_class_with_too_few_is_refused_and_the_ticks_are_kept(lab):
    client, path = lab.client("admin"), where(lab, per_class=5)
    n_rows, n_events = len(rows_of(lab)), len(history(lab))
    items = shown(client.get(path).text)
    ticked = [index for index in items if lab.bars.items[index].label != 1]
    answer = send(client, path, ticked)
    assert answer.status_code == 422
    assert "0 of middle (lacks 4); give at least 4 of every class, best 20." in answer.text
    kept = {int(found) for found in re.findall(r'name="items" value="(\d+)" checked', answer.text)}
    assert kept == set(ticked)
    assert (len(rows_of(lab)), len(history(lab))) == (n_rows, n_events)
    assert send(client, path, []).status_code == 422


def test_nobody_vouches_for_what_was_not_shown(lab):
    client, path = lab.client("admin"), where(lab, per_class=5)
    items = shown(client.get(path).text)
    hidden = next(index for index in proposed(lab.bars, 30).tolist() if index not in items)
    n_events = len(history(lab))
    answer = send(client, path, [*items, hidden])
    assert answer.status_code == 422
    assert len(history(lab)) == n_events


def history(lab):
    return read_history(lab.bars.folder, lab.root) if has_history(lab.bars.folder) else ()


def test_a_subset_is_paged_by_class(lab):
    client, path = lab.client("admin"), where(lab, per_class=30)
    answer = send(client, path, shown(client.get(path).text))
    first, second = (client.get(f"{answer.location}?page={k}").text for k in (1, 2))
    pages = [[int(found) for found in re.findall(r"/images/(\d+)", page)] for page in (first, second)]
    assert [len(one) for one in pages] == [60, 30]
    labels = lab.bars.labels[[*pages[0], *pages[1]]]
    assert labels.tolist() == sorted(labels.tolist())
    assert "Page 1 of 2" in first


def test_what_is_not_there_is_told_so(lab):
    client = lab.client("admin")
    assert client.get("/trusted-subsets/new/gone").status_code == 404
    assert "no trusted subset with the id gone" in client.get("/trusted-subsets/gone").text
    assert client.get(f"/trusted-subsets/{lab.bars.id}").status_code == 404


def test_a_data_set_without_labels_cannot_be_vouched_for(lab):
    with lab.database.transaction() as session:
        session.add(unlabelled(lab))
    answer = lab.client("admin").get("/trusted-subsets/new/nolabels")
    assert answer.status_code == 422
    assert "have no labels" in answer.text


def unlabelled(lab):
    from contextlib import closing

    from datasets.store import DatasetWriter, Item

    with closing(DatasetWriter(lab.root.datasets)) as writer:
        writer.append(np.zeros((8, 8, 1), np.uint8), 8)
        item = Item("a.png", 0, "calibration", 0, "0" * 64, "0" * 64, (8, 8, 1), 8)
        made = writer.finish("scans", ("unlabelled",), (item,), {"kind": "folder"}, {})
    return Artefact(
        id="nolabels",
        kind=ArtefactKind.DATASET,
        name="scans",
        folder=f"datasets/{made.id}",
        parents=[],
        facts={"classes": ["unlabelled"], "n": 1, "splits": {}, "n_findings": 0},
    )


def test_the_pages_are_for_administrators(lab):
    client = lab.client("clinician")
    assert client.get(where(lab)).status_code == 403
    token = token_of(client, "/screen")
    assert client.post(where(lab), data={"items": [0], "csrf_token": token}).status_code == 403
    assert lab.client("admin").post(where(lab), data={"items": [0]}).status_code == 400


def api(lab, method, path="", **more):
    headers = {"X-API-Key": lab.keys["admin"]}
    return lab.app.test_client().open(f"/api/v1/trusted-subsets{path}", method=method, headers=headers, **more)


def test_a_program_asks_for_images_and_vouches_for_some(lab):
    asked = f"/proposal?dataset_id={lab.stamped.id}&per_class=6&seed=3"
    told = api(lab, "GET", asked).get_json()
    assert [one["label"] for one in told["items"]] == ["left"] * 6 + ["middle"] * 6 + ["right"] * 6
    items = [one["index"] for one in told["items"]]
    answer = api(lab, "POST", json={"dataset_id": lab.stamped.id, "items": items})
    assert answer.status_code == 201, answer.text
    made = answer.get_json()
    assert (made["by"], made["counts"]) == (EMAILS["admin"], {"left": 6, "middle": 6, "right": 6})
    assert made["items"] == sorted(items)
    assert lab.app.test_client().get(answer.headers["Location"], headers={"X-API-Key": lab.keys["admin"]}).json == made
    assert made["id"] in [one["id"] for one in api(lab, "GET").get_json()["items"]]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"items": [0, 1, 2]}, 422, "give at least 4 of every class"),
        ({"items": [0, 149]}, 422, "item 149 is no training image"),
        ({"items": [-1]}, 422, "items"),
        ({"items": []}, 422, "items"),
        ({"items": ["x"]}, 422, "items"),
        ({}, 422, "items"),
        ({"items": [0], "dataset_id": "gone"}, 404, "no data set with the id gone"),
    ],
)
def test_what_cannot_be_vouched_for_is_refused(lab, body, status, said):
    n = len(rows_of(lab))
    answer = api(lab, "POST", json={"dataset_id": lab.stamped.id, **body})
    assert answer.status_code == status
    assert said in answer.get_json()["error"]["detail"]
    assert len(rows_of(lab)) == n


def test_a_changed_data_set_is_not_vouched_for(lab):
    client, path = lab.client("admin"), where(lab, per_class=5, seed=11)
    items = shown(client.get(path).text)
    send(client, path, items)
    file = lab.bars.folder / "manifest.json"
    before = file.read_bytes()
    file.write_bytes(before.replace(b'"bars"', b'"bares"'))
    answer = send(client, where(lab, per_class=5, seed=11), items)
    file.write_bytes(before)
    assert answer.status_code == 409
    assert "cannot be trusted" in answer.text


@pytest.mark.parametrize("query", ["dataset_id=gone", "per_class=20"])
def test_a_proposal_of_nothing_is_refused(lab, query):
    assert api(lab, "GET", f"/proposal?{query}").status_code in (404, 422)
    assert api(lab, "GET", "/gone").status_code == 404
