"""The pages of repairs, as an administrator without JavaScript meets them."""

import re

import pytest

from tests.webapp.views.repairing import finding, job_done, poisoned, truth
from tests.webapp.views.site import n_jobs, row_of, token_of
from webapp.queries import repairs
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job

NEW, LIST = "/lab/poisoning/repairs/new", "/lab/poisoning/repairs/"


@pytest.fixture(scope="module")
def suspected(site):
    return poisoned(site)


@pytest.fixture
def confirm(monkeypatch):
    """Say what is confirmed of every finding."""

    def say(drop=(), relabel=None):
        monkeypatch.setattr(repairs, "confirmed", lambda finding_id: (sorted(drop), dict(relabel or {})))

    return say


@pytest.fixture
def found(site, suspected):
    row = finding(site, *suspected, "aboutflips")
    yield row
    with site.database.transaction() as session:
        session.delete(session.get(Artefact, row.id))


def form_of(suspected, **more):
    return {"name": "Mended", "classifier_id": suspected[1], "drop": "", "relabel": "", "epochs": "1", **more}


def send(client, suspected, form):
    where = f"{NEW}?dataset={suspected[0]}"
    return client.post(where, data={**form, "csrf_token": token_of(client, where)})


def job_of(answer):
    assert answer.status_code == 302, answer.text
    return int(answer.location.rpartition("/")[2])


@pytest.fixture(scope="module")
def mended(site, suspected):
    bad = truth(site, suspected[0])
    form = form_of(suspected, drop=f"{bad[0]}, {bad[1]}\n{bad[2]}", relabel="\n".join(f"{i}: left" for i in bad[3:]))
    return job_done(site, job_of(send(site.client("admin"), suspected, form)))


def test_a_page_has_one_heading_and_no_inline_code(admin, suspected, mended):
    more = (f"{NEW}?dataset={suspected[0]}", f"{LIST}{mended}", f"{LIST}{mended}/images")
    for path in (LIST, NEW, *more):
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert answer.text.count("<h1") == 1
        assert 'aria-current="page">Poisoning lab' in answer.text
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|https?://(?!localhost)", answer.text)


def test_a_repair_shows_before_and_after_and_what_the_lab_knows(site, admin, suspected, mended):
    n = len(truth(site, suspected[0]))
    page = admin.get(f"{LIST}{mended}").text
    for words in (
        "Mended",
        "right of all test images",
        "recall of left",
        "training images that fused flags",
        f"Of the {n} images that the lab had poisoned, 3 were dropped, {n - 3} got their clean label back",
        "of those that are poisoned",
        "Training images of each class",
        "F1, after",
        "release no gate on these classifiers",
    ):
        assert words in page
    assert page.count("true class a row, answer a column") == 2
    row = row_of(site, mended)
    for made in row.parents:
        assert made in page
    assert "Mended, repaired data" in page
    assert "Mended, repaired model" in page


def test_a_repair_leads_on_to_a_look_at_the_repaired_data(site, admin, mended):
    report = admin.get(f"/lab/poisoning/repairs/{mended}/report.json").get_json()
    page = admin.get(f"/lab/poisoning/repairs/{mended}").text
    where = re.search(r'href="([^"]+)">Look again', page)[1].replace("&amp;", "&")
    assert f"dataset={report['repaired_id']}" in where
    assert f"classifier={row_of(site, mended).parents[3]}" in where
    form = admin.get(where)
    assert form.status_code == 200
    assert re.search(rf'<option selected value="{row_of(site, mended).parents[3]}"', form.text)


def test_every_changed_image_is_shown_with_both_classes(site, admin, suspected, mended):
    bad = truth(site, suspected[0])
    dropped = admin.get(f"{LIST}{mended}/images").text
    assert re.findall(r"<strong>(\d+)</strong><br>right, dropped", dropped) == [str(one) for one in bad[:3]]
    where, shown, number = f"{LIST}{mended}/images?which=relabelled", [], 1
    while True:
        page = admin.get(f"{where}&page={number}").text
        shown += re.findall(r"<strong>(\d+)</strong><br>was right, now <strong>left", page)
        if 'rel="next"' not in page:
            break
        number += 1
    assert shown == [str(one) for one in bad[3:]]


def test_the_report_is_given_as_json(admin, suspected, mended):
    answer = admin.get(f"{LIST}{mended}/report.json")
    told = answer.get_json()
    assert (told["id"], told["dataset_id"], told["n_dropped"]) == (mended, suspected[0], 3)
    assert "attachment" in answer.headers["Content-Disposition"]


def test_repairs_are_listed_and_what_they_made_is_marked(site, admin, mended):
    assert f'href="{LIST}{mended}">Mended</a>' in admin.get(LIST).text
    assert "Repaired, for study" in admin.get("/datasets/").text
    repaired, after = row_of(site, mended).parents[1], row_of(site, mended).parents[3]
    told = admin.get(f"/datasets/{repaired}").text
    assert "Made by the repair “Mended” of" in told
    assert "carries flipped labels on purpose" not in told
    assert "or were confirmed to be poisoned and dropped by a repair" in told
    assert "Nothing was found: every file could be read" not in told
    assert "release no gate on it" in admin.get(f"/classifiers/{after}").text


def test_what_changes_is_counted_before_anything_is_ordered(site, admin, suspected):
    n, bad = n_jobs(site), truth(site, suspected[0])
    answer = send(admin, suspected, form_of(suspected, drop=str(bad[0]), relabel=f"{bad[1]}:0", do="count"))
    assert answer.status_code == 200
    assert "dropped: <strong>1</strong>; to get another class: <strong>1</strong>" in answer.text
    row = re.search(r'<th scope="row">left</th>(.*?)</tr>', answer.text)[1]
    before, *numbers = [int(cell) for cell in re.findall(r">(\d+)</td>", row)]
    assert numbers == [0, 0, 1, before + 1]
    assert n_jobs(site) == n


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "Name at least one image, here or above."),
        ({"drop": "BAD", "relabel": "BAD:left"}, "is both dropped and relabelled; choose one"),
        ({"drop": "TEST"}, "is no training image; choose among those"),
        ({"drop": "ALL"}, "no training image of right would be left; relabel some of them instead"),
        ({"drop": "7x"}, "7x is no number of an image; give digits alone, such as 17"),
        ({"drop": "9999999999"}, "9999999999 is no number of an image"),
        ({"drop": "-3"}, "-3 is no number of an image"),
        ({"relabel": "7"}, "7 names no class; give number and class, such as 40:0"),
        ({"relabel": "7:middle"}, "has no class &#39;middle&#39;; its classes are left, right"),
        ({"relabel": "7:0, 7:1"}, "Image 7 is named twice"),
        ({"relabel": "BAD:right"}, "is labelled right already"),
        ({"drop": "BAD", "classifier_id": "gone"}, "Not a valid choice"),
        ({"drop": "BAD", "trusted_id": "gone"}, "Not a valid choice"),
        ({"drop": "BAD", "epochs": "0"}, "Use 1 to 500"),
        ({"drop": "BAD", "name": ""}, "Give it a name"),
    ],
)
def test_what_cannot_be_repaired_is_refused_and_the_form_is_kept(site, admin, suspected, more, said):
    dataset = repairs_set(site, suspected)
    rights = [i for i in dataset.indices("train").tolist() if dataset.items[i].label == 1]
    words = {"BAD": truth(site, suspected[0])[0], "TEST": dataset.indices("test")[0], "ALL": " ".join(map(str, rights))}
    form = {name: re.sub("[A-Z]{3,}", lambda found: str(words[found[0]]), text) for name, text in more.items()}
    n = n_jobs(site)
    answer = send(admin, suspected, form_of(suspected, **form))
    assert answer.status_code == 422
    assert said in answer.text
    assert ('value="Mended"' in answer.text) == ("name" not in more)
    assert n_jobs(site) == n


def repairs_set(site, suspected):
    from datasets.store import open_dataset

    return open_dataset(site.settings.data_root / "datasets" / suspected[0])


def test_a_classifier_of_other_data_is_not_offered(site, admin, suspected):
    page = admin.get(f"{NEW}?dataset={suspected[0]}").text
    assert suspected[1] in page
    assert f'value="{site.chain.classifier.id}"' not in page
    assert admin.get(f"{NEW}?dataset=gone").status_code == 404


def test_only_what_a_repair_takes_is_offered(lab):
    def offered(page, field):
        return re.findall(r'value="(\w*)"', page.partition(f'id="{field}"')[2].partition("</select>")[0])

    subset = {"kind": ArtefactKind.TRUSTED, "name": "s", "folder": "trusted/s", "facts": {}}
    with lab.database.transaction() as session:
        session.add(Artefact(id="ofbars", parents=[lab.bars.id], **subset))
        session.add(Artefact(id="ofothers", parents=["other"], **subset))
    page = lab.client("admin").get(f"{NEW}?dataset={lab.stamped.id}").text
    with lab.database.transaction() as session:
        for one in ("ofbars", "ofothers"):
            session.delete(session.get_one(Artefact, one))
    # An imported classifier is of the classes of the data set, and learned from nobody knows what.
    assert offered(page, "classifier_id") == [lab.of_stamped.id]
    assert offered(page, "trusted_id") == ["", "ofbars"]


def test_data_without_a_classifier_tell_the_next_step(site, admin, mended):
    alone = row_of(site, mended).parents[1]
    with site.database.transaction() as session:
        after = session.get(Artefact, row_of(site, mended).parents[3])
        kept, after.parents = list(after.parents), []
    page = admin.get(f"{NEW}?dataset={alone}").text
    with site.database.transaction() as session:
        session.get(Artefact, after.id).parents = kept
    assert "No classifier was trained on" in page
    assert f"/classifiers/train?dataset={alone}" in page


def test_what_is_confirmed_in_a_finding_is_shown_and_repaired_as_it_was_at_the_order(
    site, admin, suspected, found, confirm
):
    bad = truth(site, suspected[0])
    confirm(bad[:2], {bad[2]: 0})
    where = f"{NEW}?finding={found.id}"
    page = admin.get(where).text
    assert "Search of Tuesday" in page
    assert "dropped: <strong>2</strong>; to get another class: <strong>1</strong>" in page
    assert re.findall(r"<strong>(\d+)</strong><br>", page) == [str(one) for one in bad[:3]]
    form = {"name": "As confirmed", "epochs": "1", "shown": shown_in(page), "csrf_token": token_of(admin, where)}
    job_id = job_of(admin.post(where, data=form))
    confirm(bad)
    with site.database.reading() as session:
        params = session.get(Job, job_id).params
    assert (params["drop"], params["relabel"], params["finding_id"]) == (bad[:2], {str(bad[2]): 0}, found.id)
    assert (params["dataset_id"], params["classifier_id"], params["trusted_id"]) == (*suspected, None)
    made = job_done(site, job_id)
    told = admin.get(f"{LIST}{made}/report.json").get_json()
    assert (told["finding_id"], told["n_dropped"], told["n_relabelled"]) == (found.id, 2, 1)
    assert "by what was confirmed in" in admin.get(f"{LIST}{made}").text
    assert found.id in row_of(site, made).parents


def shown_in(page):
    return re.search(r'name="shown"[^>]*value="([^"]+)"', page)[1]


def test_what_was_confirmed_meanwhile_is_shown_before_it_is_repaired(site, admin, suspected, found, confirm):
    bad, n = truth(site, suspected[0]), n_jobs(site)
    confirm(bad[:2])
    where = f"{NEW}?finding={found.id}"
    page = admin.get(where).text
    confirm(bad[:4])
    form = {"name": "Too early", "epochs": "1", "shown": shown_in(page), "csrf_token": token_of(admin, where)}
    answer = admin.post(where, data=form)
    assert answer.status_code == 422
    assert "images were confirmed or cleared since this page was shown" in answer.text
    assert "dropped: <strong>4</strong>;" in answer.text
    assert n_jobs(site) == n
    form["shown"] = shown_in(answer.text)
    assert job_of(admin.post(where, data=form))


def test_a_finding_of_which_nothing_is_confirmed_says_what_to_do(site, admin, found, confirm):
    confirm()
    n, where = n_jobs(site), f"{NEW}?finding={found.id}"
    page = admin.get(where)
    assert page.status_code == 200
    assert "no image is confirmed or named; confirm suspects of a search, or name images" in page.text
    assert "Go through the suspects of" in page.text
    assert "Repair and compare" not in page.text
    answer = admin.post(where, data={"name": "Nothing", "csrf_token": token_of(admin, where)})
    assert answer.status_code == 422
    assert n_jobs(site) == n


@pytest.mark.parametrize(
    "path", [f"{NEW}?finding=gone", f"{LIST}gone", f"{LIST}gone/images", f"{LIST}gone/report.json"]
)
def test_what_is_not_there_is_not_found(admin, path):
    assert admin.get(path).status_code == 404


def test_a_finding_or_a_run_is_no_repair(admin, found):
    answer = admin.get(f"{LIST}{found.id}")
    assert answer.status_code == 404
    assert "There is no repair with the id" in answer.text


def test_only_an_administrator_with_a_token_repairs(site, clinician, admin, suspected):
    n = n_jobs(site)
    form = form_of(suspected, drop=str(truth(site, suspected[0])[0]))
    where = f"{NEW}?dataset={suspected[0]}"
    assert clinician.get(where).status_code == 403
    assert clinician.post(where, data={**form, "csrf_token": token_of(clinician, "/screen")}).status_code == 403
    answer = admin.post(where, data=form)
    assert answer.status_code == 400
    assert "protection token" in answer.text
    assert n_jobs(site) == n
