"""Histories as pages: what was done, what was tampered with, what changed, and who vouches."""

import json
import re

import h5py
import pytest

from pipeline.artefacts import DataRoot
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.descent import SUBSET
from pipeline.provenance.manifest import kept_as
from pipeline.provenance.record import trust
from tests.fixtures.before import forget, forget_all
from tests.webapp.views.own import copied
from tests.webapp.views.site import EMAILS, n_jobs, token_of
from webapp.jobs.service import Jobs
from webapp.queries import changes

WHY = "Two readers looked at every image."


@pytest.fixture
def own(site, tmp_path):
    """A copy of the site, which a test may tamper with."""
    with copied(site, tmp_path / "root") as made:
        yield made


@pytest.fixture
def person(own):
    return own.client("admin")


def made_ids(site):
    chain = site.chain
    return {
        "datasets": chain.dataset.id,
        "models": chain.classifier.id,
        "adversarial": chain.adversarial_set.id,
        "detectors": chain.detector.id,
        "gates": chain.gate.id,
    }


def folder_of(site, kind):
    return site.settings.data_root / kind / made_ids(site)[kind]


def send(client, path, **form):
    page = path if path.endswith("/trust") else path.rpartition("/")[0]
    return client.post(path, data={**form, "csrf_token": token_of(client, page)})


def rewrite(path, change):
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def flip_level(folder):
    with h5py.File(folder / "dataset.h5", "r+") as file:
        file["levels/uint8"][0] ^= 1


def relabel(folder):
    rewrite(folder / "manifest.json", lambda told: told["items"][3].update(label=1))


def swap(folder):
    def change(told):
        told["items"][1], told["items"][4] = told["items"][4], told["items"][1]

    rewrite(folder / "manifest.json", change)


def flip_byte(folder):
    path = next(folder.glob("weights.safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def break_link(folder):
    path = folder / HISTORY
    path.write_bytes(path.read_bytes().replace(b'"seq":1', b'"seq":7', 1))


TAMPERING = {
    "a level": ("datasets", flip_level, r"item 0 .*: pixels "),
    "a label": ("datasets", relabel, r"item 3 .*: label 1, was 0"),
    "the order": ("datasets", swap, r"item 1 .*: order 1, was 4"),
    "a weight": ("models", flip_byte, r"weights\.safetensors: sha256 "),
    "the history": ("gates", break_link, r"event 1 .*was changed: it does not hash"),
}


@pytest.mark.parametrize("kind", ["datasets", "models", "adversarial", "detectors", "gates"])
def test_every_kind_has_a_history_that_its_page_leads_to(site, admin, kind):
    one = made_ids(site)[kind]
    where = {"models": "classifiers", "adversarial": "adversarial-sets"}.get(kind, kind)
    assert f'href="/history/{one}"' in admin.get(f"/{where}/{one}").text
    answer = admin.get(f"/history/{one}")
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1
    assert '<ol class="events"' in answer.text
    assert "The chain is whole" in answer.text
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|https?://(?!localhost)", answer.text)


def test_descent_leads_back_to_the_import(site, admin):
    page, ids = admin.get(f"/history/{site.chain.gate.id}").text, made_ids(site)
    descent = page[page.index('id="descent"') :]
    for kind in ("datasets", "models", "adversarial", "detectors"):
        assert f'href="/history/{ids[kind]}"' in descent
    assert page.index("Released") < page.index("Trained") < page.index("Imported")


def test_verifying_what_is_whole_says_so_and_claims_no_more(own, person):
    where = f"/history/{own.chain.dataset.id}"
    assert "It was not verified here yet" in person.get(where).text
    assert send(person, f"{where}/verify").location == where
    page = person.get(where).text
    assert "Unchanged: it was what its history says" in page
    assert "Unchanged does not mean correct" in page
    assert EMAILS["admin"] in page
    assert "Unchanged: on" in person.get(f"{where}/verification").text


@pytest.mark.parametrize("what", TAMPERING)
def test_a_changed_byte_is_named_on_the_page(own, person, what):
    kind, tamper, told = TAMPERING[what]
    tamper(folder_of(own, kind))
    before = {path: path.read_bytes() for path in folder_of(own, kind).iterdir()}
    where = f"/history/{made_ids(own)[kind]}"
    assert send(person, f"{where}/verify").status_code == 302
    page = person.get(where).text
    assert "Not what its history says" in page
    assert re.search(told, page)
    assert re.search(told, person.get(f"{where}/verification").text)
    assert {path: path.read_bytes() for path in folder_of(own, kind).iterdir()} == before


def test_a_broken_history_says_what_is_broken_and_what_to_do_and_takes_nothing(own, person):
    break_link(folder_of(own, "datasets"))
    where = f"/history/{own.chain.dataset.id}"
    content = (folder_of(own, "datasets") / HISTORY).read_bytes()
    for path in (where, f"{where}/changes"):
        answer = person.get(path)
        assert answer.status_code == 409
        assert "This history is broken" in answer.text
        assert "event 1 (import" in answer.text
        assert "Bring the whole folder back from a backup" in answer.text
        assert '<ol class="events"' not in answer.text
    answer = send(person, f"{where}/trust", why=WHY)
    assert (answer.status_code, "does not hash to what is written there" in answer.text) == (409, True)
    assert person.get(f"{where}/croissant.json").status_code == 409
    assert (folder_of(own, "datasets") / HISTORY).read_bytes() == content
    assert person.get(f"{where}/history.jsonl").data == content


def test_what_has_no_history_is_told_how_to_begin_one(own, person):
    forget_all(own.settings.data_root)
    where = f"/history/{own.chain.classifier.id}"
    assert "made before histories were kept" in person.get(where).text
    assert "There is nothing to compare with" in person.get(f"{where}/changes").text
    assert person.get(f"{where}/history.jsonl").status_code == 404
    assert send(person, f"{where}/trust", why=WHY).status_code == 302
    assert '<ol class="events"' in person.get(where).text


def test_a_history_that_was_removed_is_told_as_broken(own, person):
    folder, where = folder_of(own, "datasets"), f"/history/{own.chain.dataset.id}"
    forget(folder)
    page = person.get(where)
    assert "This history is broken" in page.text
    assert "was made of it when there was one: it was removed" in page.text
    assert f'href="{where}/history.jsonl"' not in page.text
    forget_all(own.settings.data_root)
    assert "it was removed, or this was made before histories were kept" in person.get(where).text
    relabel(folder)
    assert "it was changed since it was made" in person.get(where).text


def test_an_administrator_vouches_under_their_name_and_later_changes_are_told(own, person):
    folder, where = folder_of(own, "datasets"), f"/history/{own.chain.dataset.id}"
    assert "nobody vouched for it" in person.get(f"{where}/changes").text
    assert send(person, f"{where}/trust", why=WHY).location == where
    event = read_history(folder, DataRoot(own.settings.data_root))[-1]
    assert (event.kind, event.by, event.what["why"]) == ("trust", EMAILS["admin"], WHY)
    assert "Nothing changed" in person.get(f"{where}/changes").text

    def change(told):
        told["items"][3].update(label=1)
        told["items"][5].update(label=1, split="test")
        told["items"].pop()

    rewrite(folder / "manifest.json", change)
    page = person.get(f"{where}/changes").text
    for words in ("All (4)", "Removed (1)", "Relabelled (2)", "In another split (1)", WHY, EMAILS["admin"]):
        assert words in page
    shown = person.get(f"{where}/changes?what=label").text
    assert shown.count("<td>relabelled</td>") == 2
    assert "<td>left</td><td>right</td>" in shown
    assert "<td>removed</td>" not in shown


def test_a_detector_is_told_by_the_word_for_what_it_descends_from(own, person, monkeypatch):
    where = f"/history/{own.chain.detector.id}"
    assert "nobody vouched for it, nor for anything that it descends from" in person.get(f"{where}/changes").text
    assert send(person, f"/history/{own.chain.dataset.id}/trust", why=WHY).status_code == 302
    page = person.get(f"{where}/changes").text
    assert re.search("Nobody vouched for .+ itself, only for what it descends from", page)
    for words in (WHY, EMAILS["admin"], "Nothing changed in it since", "Nothing changed in what was vouched for"):
        assert words in page
    listed = page[page.index('id="unvouched"') : page.index('id="differences"')]
    named = re.findall(r'href="/history/([^"]+)"', listed)
    assert named[0] == own.chain.detector.id
    assert own.chain.classifier.id in named
    assert own.chain.dataset.id not in named
    since = page[page.index("Events since then") :]
    of_classifier = f'In the history of the <a href="/history/{own.chain.classifier.id}">classifier '
    assert since.count(of_classifier) == len(read_history(folder_of(own, "models"), DataRoot(own.settings.data_root)))
    relabel(folder_of(own, "datasets"))
    assert "Relabelled (1)" in person.get(f"{where}/changes").text
    monkeypatch.setattr(changes, "LARGE_ITEMS", 10)
    assert "compared while it is verified" in person.get(f"{where}/changes").text
    job_id = int(send(person, f"{where}/verify").location.rpartition("/")[2])
    assert Jobs(own.database, own.settings).run_until_ended(job_id).state == "done"
    assert "Relabelled (1)" in person.get(f"{where}/changes").text


def test_vouching_for_some_images_is_not_told_as_vouching_for_all(own, person):
    folder = folder_of(own, "datasets")
    trust(folder, DataRoot(own.settings.data_root), by="a reader", why="some of it", facts={SUBSET: "5ab5e7"})
    page = person.get(f"/history/{folder.name}").text
    assert "Vouched for some images" in page
    assert ">Vouched for<" not in page


def test_changes_are_paged(own, person):
    where = f"/history/{own.chain.dataset.id}"
    send(person, f"{where}/trust", why=WHY)

    def change(told):
        for item in told["items"]:
            item["group"] += 1000

    rewrite(folder_of(own, "datasets") / "manifest.json", change)
    n = len(own.chain.dataset)
    first, second = (person.get(f"{where}/changes?page={page}").text for page in (1, 2))
    assert f"All ({n})" in first
    assert first.count("in another group</td>") == 50
    named = [set(re.findall(r'<th scope="row" class="wraps">([^<]+)', page)) for page in (first, second)]
    assert not named[0] & named[1]


@pytest.mark.parametrize(("why", "said"), [("", "Say what you looked at"), ("short", "Use 10 to 1,000 signs")])
def test_nobody_vouches_without_a_reason(own, person, why, said):
    where = f"/history/{own.chain.dataset.id}"
    answer = send(person, f"{where}/trust", why=why)
    assert answer.status_code == 422
    assert said in answer.text
    events = read_history(folder_of(own, "datasets"), DataRoot(own.settings.data_root))
    assert [event.kind for event in events] == ["import", "split"]


def test_how_long_a_reason_must_be_is_said_beforehand(own, person):
    page = person.get(f"/history/{own.chain.dataset.id}/trust").text
    assert "in 10 to 1,000 signs" in page
    assert re.search(r'<textarea[^>]* maxlength="1000" minlength="10"', page)


def test_a_large_artefact_is_read_by_a_job(own, person, monkeypatch):
    monkeypatch.setattr(changes, "LARGE_ITEMS", 10)
    where, jobs = f"/history/{own.chain.dataset.id}", Jobs(own.database, own.settings)
    for path, form in ((f"{where}/trust", {"why": WHY}), (f"{where}/verify", {})):
        answer = send(person, path, **form)
        job_id = int(answer.location.rpartition("/")[2])
        assert "compared while it is verified" in person.get(f"{where}/changes").text or "/trust" in path
        assert jobs.run_until_ended(job_id).state == "done"
        assert f'<a href="{where}">History of Tiny</a>' in person.get(f"/jobs/{job_id}").text
    event = read_history(folder_of(own, "datasets"), DataRoot(own.settings.data_root))[-1]
    assert (event.kind, event.by, event.what["why"]) == ("trust", EMAILS["admin"], WHY)
    page = person.get(f"{where}/changes").text
    assert "Nothing changed" in page
    assert "As the verification of" in page
    relabel(folder_of(own, "datasets"))
    jobs.run_until_ended(int(send(person, f"{where}/verify").location.rpartition("/")[2]))
    assert re.search(TAMPERING["a label"][2], person.get(where).text)
    assert "Relabelled (1)" in person.get(f"{where}/changes").text
    n = n_jobs(own)
    break_link(folder_of(own, "datasets"))
    assert send(person, f"{where}/trust", why=WHY).status_code == 409
    assert n_jobs(own) == n


def test_exports_are_given_as_files(site, admin):
    where = f"/history/{site.chain.dataset.id}"
    answer = admin.get(
        f"{where}/croissant.json?license=https://spdx.org/licenses/CC0-1.0.html&creator=A+clinic&url=&cite="
    )
    assert answer.mimetype == "application/ld+json"
    assert "attachment" in answer.headers["Content-Disposition"]
    told = answer.get_json(force=True)
    assert told["license"] == "https://spdx.org/licenses/CC0-1.0.html"
    assert told["creator"]["name"] == "A clinic"
    assert "citeAs" not in told
    bom = admin.get(f"/history/{site.chain.classifier.id}/cyclonedx.json").get_json(force=True)
    assert bom["bomFormat"] == "CycloneDX"
    lines = admin.get(f"{where}/history.jsonl").data
    assert lines == (site.settings.data_root / "datasets" / site.chain.dataset.id / HISTORY).read_bytes()
    assert admin.get(f"{where}/cyclonedx.json").status_code == 404
    assert admin.get(f"/history/{site.chain.gate.id}/croissant.json").status_code == 404


def test_a_lost_manifest_is_named(own, person):
    folder = folder_of(own, "datasets")
    event = read_history(folder, DataRoot(own.settings.data_root))[-1]
    (folder / kept_as(event.manifest)).unlink()
    where = f"/history/{own.chain.dataset.id}"
    send(person, f"{where}/verify")
    assert f"{kept_as(event.manifest)}: missing or changed" in person.get(where).text


def test_what_keeps_no_history_is_not_found(admin):
    answer = admin.get("/history/none")
    assert answer.status_code == 404
    assert "There is no data set, classifier" in answer.text
