"""The pages of the poisoning lab, as an administrator without JavaScript meets them."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from pipeline.poisoning.perturbation import Perturbation
from tests.webapp.views.own import copied, unhardened
from tests.webapp.views.site import n_jobs, row_of, token_of
from webapp import poisoning
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job

FLIPS, BACKDOOR = "/lab/poisoning/flips/new", "/lab/poisoning/backdoors/new"
FLIP = {"name": "Half", "source": "0", "target": "1", "ratio_percent": "50", "epochs": "1", "seed": "0"}
TRIGGER = {
    "name": "Corner",
    "target": "1",
    "rate_percent": "10",
    "labels": "dirty",
    "kind": "patch",
    "height": "6",
    "width": "6",
    "place": "bottom-right",
    "value": "1",
    "strength": "1",
    "test_strength": "1",
    "method": "none",
    "proxy_id": "",
    "eps": "5",
    "steps": "2",
    "kappa": "10",
    "share": "1",
    "epochs": "1",
    "seed": "0",
}


def send(client, site, path, form, **more):
    where = f"{path}?dataset={site.chain.dataset.id}"
    return client.post(where, data={**form, **more, "csrf_token": token_of(client, where)})


def ended(site, answer):
    assert answer.status_code == 302, answer.text
    job_id = int(answer.location.rpartition("/")[2])
    Jobs(site.database, site.settings).run_until_ended(job_id)
    told = Jobs(site.database, site.settings).progress(job_id)
    assert told.state == "done", told.error
    return told.artefact_id


@pytest.fixture(scope="module")
def flips(site):
    return ended(site, send(site.client("admin"), site, FLIPS, FLIP))


@pytest.fixture(scope="module")
def backdoor(site):
    return ended(site, send(site.client("admin"), site, BACKDOOR, TRIGGER))


@pytest.mark.parametrize("path", ["/lab/poisoning/", FLIPS, BACKDOOR])
def test_a_page_has_one_heading_and_no_inline_code(site, admin, path):
    for query in ("", f"?dataset={site.chain.dataset.id}"):
        answer = admin.get(path + query)
        assert answer.status_code == 200
        assert answer.text.count("<h1") == 1
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|https?://(?!localhost)", answer.text)


def test_a_run_that_learned_nothing_says_so_first(site, admin, flips, monkeypatch):
    told = admin.get(f"/lab/poisoning/{flips}/report.json").get_json()
    page = admin.get(f"/lab/poisoning/{flips}").text
    assert ("Nothing was learned" in page) is bool(told["not_learned"])
    real = poisoning.run_of

    def idle(row):
        run = real(row)
        return replace(run, report={**run.report, "not_learned": "The accuracy of both is 23 %."})

    monkeypatch.setattr(poisoning, "run_of", idle)
    page = admin.get(f"/lab/poisoning/{flips}").text
    assert "The accuracy of both is 23 %." in page[: page.index("At a glance</h2>")]


def test_the_classes_of_the_chosen_data_set_are_offered(site, admin):
    page = admin.get(f"{FLIPS}?dataset={site.chain.dataset.id}").text
    assert re.search(r'<option selected value="1">right</option>', page.partition('id="target"')[2])
    assert '<input type="range" min="1" max="50"' in page
    assert "nothing in the data can tell flips from truth" in page
    assert "left" not in admin.get(FLIPS).text


def test_a_run_of_flips_shows_both_models_side_by_side(site, admin, flips):
    page = admin.get(f"/lab/poisoning/{flips}").text
    for words in ("Half", "original model", "poisoned model", "The class that was flipped", "recall, poisoned", "F1"):
        assert words in page
    assert page.count("true class a row, answer a column") == 2
    assert page.count("<svg viewBox") >= 3
    assert page.index("nothing in the data can tell flips from truth") < page.index("At a glance</h2>")
    assert not re.search(r"<script(?! src=)|<style|\sstyle=", page)


def test_a_run_says_what_was_ordered(admin, flips, backdoor):
    assert "Flipped labels, one way, 50.0 % asked for, seed 0, in " in admin.get(f"/lab/poisoning/{flips}").text
    assert "Backdoor, 10.0 % asked for, seed 0, in " in admin.get(f"/lab/poisoning/{backdoor}").text


def test_the_job_told_every_epoch(site, admin, flips):
    with site.database.reading() as session:
        job_id = session.scalar(select(Job.id).where(Job.artefact_id == flips))
    live = admin.get(f"/jobs/{job_id}").text
    assert "poisoned model, epoch 1: loss " in live
    assert f'href="/lab/poisoning/{flips}"' in live


def test_what_a_run_made_is_marked_wherever_it_is_listed(site, admin, flips):
    made = [row_of(site, one) for one in row_of(site, flips).parents if one != site.chain.dataset.id]
    assert sorted(row.kind for row in made) == [ArtefactKind.CLASSIFIER, ArtefactKind.CLASSIFIER, ArtefactKind.DATASET]
    assert "Poisoned, for study" in admin.get("/datasets/").text
    assert "Poisoned, for study" in admin.get("/classifiers/").text
    for row in made:
        place = "datasets" if row.kind is ArtefactKind.DATASET else "classifiers"
        assert "Made by the poisoning lab, for study." in admin.get(f"/{place}/{row.id}").text
    offered = admin.get("/adversarial-sets/new").text
    assert "made by the poisoning lab: for study" in offered
    chain = site.chain
    assert "for study" not in admin.get(f"/classifiers/{chain.classifier.id}").text


def test_a_gate_is_not_released_on_what_the_lab_made_by_mistake(site, admin, flips):
    studied = row_of(site, flips).parents[-1]
    with site.database.transaction() as session:
        session.add(
            Artefact(
                id="studied",
                kind=ArtefactKind.DETECTOR,
                name="On a poisoned model",
                folder="detectors/studied",
                parents=[],
                facts={"classifier_id": studied, "n_calibration": 50},
            )
        )
    page = admin.get("/gates/new").text
    with site.database.transaction() as session:
        session.delete(session.get(Artefact, "studied"))
    assert "FOR STUDY: comes from the poisoning lab" in page
    assert "Some of these detectors come from the poisoning lab" in page
    assert "FOR STUDY" not in admin.get("/gates/new").text


def test_test_images_are_drawn_by_a_seed_or_named(site, admin, flips):
    where = f"/lab/poisoning/{flips}/tests"
    first, again, other = (admin.get(f"{where}?seed={seed}").text for seed in (1, 1, 2))
    drawn = [re.findall(r"Test image (\d+)</strong>", page) for page in (first, again, other)]
    assert drawn[0] == drawn[1] != drawn[2]
    chosen = admin.get(f"{where}?item={drawn[0][0]}").text
    assert re.findall(r"Test image (\d+)</strong>", chosen) == drawn[0][:1]
    assert re.search(r"poisoned model</th><td>(left|right)", chosen)
    second = admin.get(f"{where}?seed=1&page=2").text
    assert not set(re.findall(r"Test image (\d+)</strong>", second)) & set(drawn[0])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pairwise", ("flipped labels, pairwise", "The classes that were flipped", "right to left")),
        ("cyclic", ("flipped labels, cyclic", "Every class, all of which were flipped", "right to left")),
        ("uniform", ("flipped labels, uniform", "Every class, all of which were flipped", "called so, poisoned")),
    ],
)
def test_every_kind_of_flips_is_ordered_on_the_form_and_its_classes_are_reported(site, admin, kind, words):
    # What a browser without JavaScript sends: the classes as well, where they do not apply.
    run_id = ended(site, send(admin, site, FLIPS, FLIP, kind=kind, name=f"All {kind}", ratio_percent="40"))
    page = admin.get(f"/lab/poisoning/{run_id}").text
    assert words[0].replace("flipped", "Flipped") in page
    assert words[0] in admin.get("/lab/poisoning/").text
    for each in words[1:]:
        assert each in page
    assert "The class that was flipped<" not in page
    report = admin.get(f"/lab/poisoning/{run_id}/report.json").get_json()
    assert report["recipe"]["kind"] == kind
    assert (report["recipe"]["source"] is None) == (kind != "pairwise")
    assert ("right to left" in page) == (kind != "uniform")


def test_flips_of_every_class_need_no_class(site, admin):
    form = {name: value for name, value in FLIP.items() if name not in ("source", "target")}
    assert send(admin, site, FLIPS, form, kind="cyclic", ratio_percent="30").status_code == 302
    answer = send(admin, site, FLIPS, form, kind="pairwise")
    assert answer.status_code == 422
    assert "Source class: Choose one." in answer.text


def test_uniform_flips_of_two_classes_are_warned_of_as_well(site, admin):
    page = admin.get(f"{FLIPS}?dataset={site.chain.dataset.id}").text
    assert page.count('data-warns="yes"') == 4
    assert "scatter over all classes" not in page


@pytest.mark.parametrize(("item", "said"), [("999999", "is no test image"), ("x", "is no number of an image")])
def test_an_image_that_is_none_is_told_so(admin, flips, item, said):
    answer = admin.get(f"/lab/poisoning/{flips}/tests?item={item}")
    assert answer.status_code == 404
    assert said in answer.text


def test_flipped_images_are_marked_with_both_labels(site, admin, flips):
    page = admin.get(f"/lab/poisoning/{flips}/training").text
    marked = re.findall(r'<span class="study">flipped</span>: was left, labelled <strong>right</strong>', page)
    assert marked
    assert len(marked) == len(re.findall(r"Training image \d+</strong>", page))
    every = admin.get(f"/lab/poisoning/{flips}/training?which=all").text
    assert len(re.findall(r"Training image \d+</strong>", every)) > every.count('class="study"')


def test_a_backdoor_shows_its_intervals_and_the_trigger_at_work(site, admin, backdoor):
    page = admin.get(f"/lab/poisoning/{backdoor}").text
    for words in (
        "intervals of Wilson",
        "trigger brings the target",
        "of those labelled right",
        "dirty-label backdoor",
    ):
        assert words in page
    assert "Predictions with the trigger on" in page
    tested = admin.get(f"/lab/poisoning/{backdoor}/tests").text
    assert "With the trigger" in tested
    trained = admin.get(f"/lab/poisoning/{backdoor}/training").text
    assert '<span class="study">stamped</span>: was left, labelled <strong>right</strong>' in trained


def test_a_run_leads_to_a_search_for_its_poison(site, admin, backdoor):
    page = admin.get(f"/lab/poisoning/{backdoor}").text
    where = re.search(r'href="([^"]+)">Look for the poison', page)[1].replace("&amp;", "&")
    form = admin.get(where).text
    assert "dirty-label backdoor</h2>" in form
    assert re.search(
        r"<option selected value=.\w+.>Corner, dirty-label backdoor", form.partition('id="classifier_id"')[2]
    )


def test_every_picture_of_a_run_is_drawn(site, admin, backdoor, flips):
    number = re.search(r"Training image (\d+)</strong>", admin.get(f"/lab/poisoning/{backdoor}/training").text)[1]
    pictures = {}
    for side in ("clean", "stamped", "tested", "poisoned", "difference"):
        answer = admin.get(f"/lab/poisoning/{backdoor}/images/{number}/{side}")
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        pictures[side] = answer.data
    assert pictures["clean"] != pictures["stamped"] == pictures["tested"] == pictures["poisoned"]
    assert admin.get(f"/lab/poisoning/{backdoor}/images/{number}/inside").status_code == 404
    assert admin.get(f"/lab/poisoning/{backdoor}/images/999999/clean").status_code == 404
    assert admin.get(f"/lab/poisoning/{flips}/images/0/stamped").status_code == 404


def test_the_report_is_given_as_json(admin, backdoor):
    answer = admin.get(f"/lab/poisoning/{backdoor}/report.json")
    assert answer.get_json()["lab"] == "backdoor"
    assert "attachment" in answer.headers["Content-Disposition"]


def test_both_shares_are_counted_before_anything_is_ordered(site, admin):
    n = n_jobs(site)
    train = [sum(row) for row in zip(site.chain.dataset.counts()["train"], strict=True)]
    answer = send(admin, site, BACKDOOR, TRIGGER, do="count")
    n_poisoned = round(0.1 * sum(train))
    assert answer.status_code == 200
    assert f"{n_poisoned} of {sum(train)} training images" in answer.text
    assert f"{100 * n_poisoned / (train[1] + n_poisoned):.1f} % of those that are labelled" in answer.text
    assert n_jobs(site) == n


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"ratio_percent": "51"}, "Use 0 to 50"),
        ({"ratio_percent": "-1"}, "Use 0 to 50"),
        ({"ratio_percent": "nan"}, "Use 0 to 50"),
        ({"ratio_percent": "0"}, "are none; give a higher ratio"),
        ({"target": "0"}, "Source and target are the same class"),
        ({"kind": "pairwise", "target": "0"}, "Source and target are the same class"),
        ({"kind": "any"}, "Not a valid choice"),
        ({"target": "7"}, "Not a valid choice"),
        ({"name": ""}, "Give it a name"),
        ({"epochs": "0"}, "Use 1 to 500"),
        ({"original_id": "gone"}, "Not a valid choice"),
    ],
)
def test_flips_that_cannot_be_are_refused_and_the_form_is_kept(site, admin, more, said):
    n = n_jobs(site)
    answer = send(admin, site, FLIPS, FLIP, **more)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'name="seed"' in answer.text
    assert ('value="Half"' in answer.text) == ("name" not in more)
    assert n_jobs(site) == n


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"place": "at", "at": "31,31"}, "lies off an image of 32x32"),
        ({"place": "at", "at": "corner"}, "give top-left"),
        ({"place": "at", "at": ""}, "Give row,column"),
        ({"rate_percent": "0.001"}, "are none; give a higher rate"),
        ({"rate_percent": "50.5"}, "at most 50"),
        ({"target": "9"}, "Not a valid choice"),
        ({"labels": "clean", "method": "pgd"}, "needs a proxy"),
        ({"labels": "dirty", "method": "pgd"}, "Only clean-label images are perturbed"),
        ({"test_strength": "0"}, "Use 0.01 to 1"),
        ({"share": "0"}, "Use 0.01 to 1"),
        ({"kappa": "-1"}, "Use 0 to 1000"),
        ({"value": "2"}, "Use 0 to 1"),
    ],
)
def test_backdoors_that_cannot_be_are_refused_and_the_form_is_kept(site, admin, more, said):
    n = n_jobs(site)
    answer = send(admin, site, BACKDOOR, TRIGGER, **more)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="Corner"' in answer.text
    assert n_jobs(site) == n


def test_the_textbook_has_clean_labels_and_its_run_trains_the_proxy_where_none_is_hardened(site, tmp_path):
    with copied(site, tmp_path / "root") as own:
        _textbook_with_and_without_a_proxy(unhardened(own))


def _textbook_with_and_without_a_proxy(site):
    admin = site.client("admin")
    where = f"{BACKDOOR}?dataset={site.chain.dataset.id}"
    assert "a hardened classifier, which the run trains first" in admin.get(where).text
    alone = textbook_of(site, admin, where)
    assert (alone["proxy_id"], alone["hardening"]["method"], alone["hardening"]["eps"]) == (None, "fast", 0.2)
    with site.database.transaction() as session:
        row = session.get(Artefact, site.chain.classifier.id)
        row.facts = {**row.facts, "hardening": {"by": "PGD"}}
    beside = textbook_of(site, admin, where)
    assert (beside["proxy_id"], beside["hardening"]) == (site.chain.classifier.id, None)
    for order in (alone, beside):
        recipe = order["recipe"]
        assert (recipe["labels"], recipe["rate"], recipe["target"]) == ("clean", 0.05, 0)
        assert recipe["perturbation"] == Perturbation().to_json()
        trigger = recipe["trigger"]
        assert (trigger["height"], trigger["width"], trigger["value"]) == (2, 2, 1.0)


def textbook_of(site, admin, where):
    token = token_of(admin, where)
    answer = admin.post(f"/lab/poisoning/backdoors/textbook/{site.chain.dataset.id}", data={"csrf_token": token})
    job_id = int(answer.location.rpartition("/")[2])
    jobs = Jobs(site.database, site.settings)
    assert "Under way" in admin.get("/lab/poisoning/").text
    jobs.cancel(job_id)
    return jobs.get(job_id).params


def params_of(site, admin, **more):
    answer = send(admin, site, BACKDOOR, TRIGGER, **more)
    assert answer.status_code == 302, answer.text
    jobs, job_id = Jobs(site.database, site.settings), int(answer.location.rpartition("/")[2])
    jobs.cancel(job_id)
    return jobs.get(job_id).params


def test_test_images_carry_the_trigger_as_in_training_where_no_other_strength_is_given(site, admin):
    page = admin.get(f"{BACKDOOR}?dataset={site.chain.dataset.id}").text
    field = re.search(r'<input[^>]*id="test_strength"[^>]*>', page)[0]
    assert "required" not in field
    assert 'value=""' in field
    blended = params_of(site, admin, kind="blend", strength="0.2", test_strength="")
    assert (blended["recipe"]["trigger"]["strength"], blended["strength"]) == (0.2, None)
    assert params_of(site, admin, kind="blend", strength="0.2", test_strength="0.5")["strength"] == 0.5


def test_every_number_of_a_perturbation_is_chosen_on_the_form(site, admin):
    chosen = {"method": "cw", "eps": "5", "steps": "2", "kappa": "3.5", "share": "0.4"}
    order = params_of(site, admin, labels="clean", proxy_id=site.chain.classifier.id, **chosen)
    told = {"method": "cw", "eps": 5.0, "steps": 2, "kappa": 3.5, "share": 0.4}
    assert order["recipe"]["perturbation"] == told


def test_what_is_poisoned_cannot_be_poisoned_again(site, admin, flips):
    with site.database.reading() as session:
        sets = session.scalars(select(Artefact).where(Artefact.kind == ArtefactKind.DATASET)).all()
    made = next(row for row in sets if row.facts.get("lab"))
    answer = admin.get(f"{FLIPS}?dataset={made.id}")
    assert answer.status_code == 422
    assert "poisoned already" in answer.text
    assert made.id not in admin.get(FLIPS).text
    assert admin.get(f"{FLIPS}?dataset=gone").status_code == 404


def test_a_run_is_replayed_from_its_page_and_its_outcome_stands_there(site, admin, flips):
    where = f"/lab/poisoning/{flips}"
    assert "Not replayed yet" in admin.get(where).text
    answer = admin.post(f"{where}/replay", data={"csrf_token": token_of(admin, where)})
    assert ended(site, answer) == flips
    page = admin.get(where).text
    assert "Bit-equal" in page
    assert "every picture, label and split is the same" in page
    assert "Not replayed yet" not in page
    assert "Another recipe had changed the same images alike" not in page
    assert "trained again by the settings" not in page
    form = {"csrf_token": token_of(admin, where), "train_again": "yes"}
    assert ended(site, admin.post(f"{where}/replay", data=form)) == flips
    assert admin.get(where).text.count("trained again by the settings in its notes: every weight is the same.") == 2


def test_a_replay_that_differs_names_what_does(site, admin, flips):
    one = {"what": "poisoned model", "dataset_id": "d", "replayed_id": "0ther", "same": False, "n_differences": 21}
    outcome = {"at": "2026-01-02T03:04:05+00:00", "by": "a@b.example", "same": False}
    again = {"classifier_id": "c", "name": "Old", "same": False, "replayed_id": "an0ther", "n": 1200, "n_otherwise": 7}
    again |= {"accuracy": 0.5, "accuracy_again": 0.25, "n_threads": 2}
    outcome["sets"] = [{**one, "proxy_id": None, "differences": [f"item {i}: label 1, was 0" for i in range(20)]}]
    outcome["sets"][0]["classifiers"] = [again]
    with site.database.transaction() as session:
        row = session.get_one(Artefact, flips)
        kept, row.facts = row.facts, {**row.facts, "replay": outcome}
    page = admin.get(f"/lab/poisoning/{flips}").text
    with site.database.transaction() as session:
        session.get_one(Artefact, flips).facts = kept
    told = (
        "Of 1200 test images the two call 7 otherwise; accuracy 50.0 % before, 25.0 % now. Trained here with 2 threads"
    )
    for words in (
        told,
        "an0ther",
        "Not the same",
        "0ther",
        "with 21 differences, of which the first:",
        "item 3: label 1, was 0",
    ):
        assert words in page


def test_a_run_whose_data_were_there_by_another_recipe_tells_its_own(site, admin, flips):
    run_id = ended(site, send(admin, site, FLIPS, FLIP, name="Nearly half", ratio_percent="49.9"))
    page = admin.get(f"/lab/poisoning/{run_id}").text
    assert "49.9 % asked for" in page
    assert "Its record names that one (ratio 0.5, not 0.499)" in page
    assert "Another recipe had changed" not in admin.get(f"/lab/poisoning/{flips}").text
    told = admin.get(f"/lab/poisoning/{run_id}/report.json").get_json()
    assert told["recipe"]["ratio"] == 0.499


def test_a_hand_made_backdoor_has_its_proxy_trained_by_the_run(site, tmp_path):
    with copied(site, tmp_path / "root") as own:
        admin = unhardened(own).client("admin")
        where = f"{BACKDOOR}?dataset={own.chain.dataset.id}"
        assert '<option selected value="train">Train a hardened one for this run' in admin.get(where).text
        form = {"labels": "clean", "method": "pgd", "proxy_id": "train"}
        asked = params_of(own, admin, **form)
        assert asked["proxy_id"] is None
        assert asked["hardening"] == textbook_of(own, admin, where)["hardening"]
        jobs, job_id = Jobs(own.database, own.settings), int(send(admin, own, BACKDOOR, TRIGGER, **form).location[6:])
        # The proxy, two data sets, three trainings, the comparison.
        assert jobs.get(job_id).n_shards == 7
        jobs.cancel(job_id)
        without = params_of(own, admin, proxy_id="train")
        assert (without["proxy_id"], without.get("hardening")) == (None, None)


def test_where_a_hardened_classifier_is_there_none_is_trained_unasked(site, tmp_path):
    with copied(site, tmp_path / "root") as own:
        with own.database.transaction() as session:
            row = session.get(Artefact, own.chain.classifier.id)
            row.facts = {**row.facts, "hardening": {"by": "PGD"}}
        page = own.client("admin").get(f"{BACKDOOR}?dataset={own.chain.dataset.id}").text
        assert '<option value="train">' in page
