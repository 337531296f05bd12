"""The pages of a search for poison: its form, what the finders flag, and the decisions on suspects."""

import re

import pytest
from sqlalchemy import delete, select
from wtforms.fields.choices import SelectChoice

from datasets.atomic import write_json
from pipeline.poisoning.repair import repair
from pipeline.poisoning.trusted import proposed
from tests.webapp.views.lab import FINDING_ID, N_FUSED, N_SUSPECTS, report_of
from tests.webapp.views.site import EMAILS, n_jobs, token_of
from webapp.jobs.service import Jobs
from webapp.queries import suspects
from webapp.queries.finding import clean_classifiers, poisoned_here, trainings_for
from webapp.queries.suspects import confirmed, finding_of, suspects_of
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.suspects import SuspectDecision
from webapp.vouching import vouch

NEW = "/lab/poisoning/finding/new"
SHOWN = f"/lab/poisoning/finding/{FINDING_ID}"


@pytest.fixture
def client(lab):
    """An administrator, before a search of which nothing is decided."""
    with lab.database.transaction() as session:
        session.execute(delete(SuspectDecision))
    return lab.client("admin")


def form_of(lab, **more):
    usual = {"name": "Look", "classifier_id": lab.of_stamped.id, "unpoisoned_id": lab.of_bars.id, "epochs": "1"}
    return {**usual, "trusted_id": "", **more}


def send(client, lab, **more):
    where = f"{NEW}?dataset={lab.stamped.id}"
    return client.post(where, data={**form_of(lab, **more), "csrf_token": token_of(client, where)})


def decide(client, query="", **form):
    return client.post(f"{SHOWN}/decisions{query}", data={**form, "csrf_token": token_of(client, SHOWN)})


def decided(lab):
    with lab.database.reading() as session:
        return {one.item: (str(one.decision), one.label) for one in session.scalars(select(SuspectDecision))}


def items_of(page):
    return [int(found) for found in re.findall(r'<li id="item-(\d+)"', page)]


def test_a_search_by_models_that_learned_nothing_says_so_first(lab, client, monkeypatch):
    assert "Nothing was learned" not in client.get(SHOWN).text
    report = {**report_of(lab.stamped, lab.of_stamped), "not_learned": "The accuracy of the folds is 23 %."}
    monkeypatch.setattr(suspects, "_kept", lambda folder: report)
    page = client.get(SHOWN).text
    assert "The accuracy of the folds is 23 %." in page[: page.index("What the finders flag</h2>")]


@pytest.mark.parametrize("path", ["/lab/poisoning/finding/", NEW, SHOWN, f"{SHOWN}?finder=any"])
def test_a_page_has_one_heading_and_no_inline_code(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|https?://(?!localhost)", answer.text)


def test_the_lab_and_the_data_set_lead_to_a_search(client, lab):
    assert 'href="/lab/poisoning/finding/"' in client.get("/lab/poisoning/").text
    page = client.get(f"/datasets/{lab.stamped.id}").text
    assert f'href="{NEW}?dataset={lab.stamped.id}"' in page
    assert f'href="/trusted-subsets/new/{lab.stamped.id}"' in page
    assert 'aria-current="page">Poisoning lab' in client.get(NEW).text


def test_only_classifiers_that_learned_from_the_data_set_are_offered(client, lab):
    page = client.get(f"{NEW}?dataset={lab.stamped.id}").text
    offered = re.findall(r'value="(\w+)"', page.partition('id="classifier_id"')[2].partition("</select>")[0])
    assert offered == [lab.of_stamped.id]
    beside = page.partition('id="unpoisoned_id"')[2].partition("</select>")[0]
    assert re.findall(r'value="(\w*)"', beside) == ["", lab.of_bars.id]
    assert "else train one" in beside


def test_what_is_lost_without_a_trusted_subset_is_told(client, lab):
    page = client.get(f"{NEW}?dataset={lab.bars.id}").text
    assert "Nobody vouches for images of bars yet." in page
    assert "flips near half of a class are not found at all" in page
    assert 'id="unpoisoned_id"' not in page
    assert "Nobody knows these data unpoisoned" in page


def test_classifiers_of_the_clean_data_are_offered_for_repaired_data_too(lab):
    fixed = repair(lab.stamped, lab.root.datasets, name="fixed", drop=[0])
    row = Artefact(id=fixed.id, kind=ArtefactKind.DATASET, name="fixed", folder=f"datasets/{fixed.id}", facts={})
    with lab.app.app_context():
        assert poisoned_here(row)
        assert [one.id for one in clean_classifiers(row)] == [lab.of_bars.id]


def test_of_repaired_data_without_poison_no_share_is_found(client, lab):
    told = report_of(lab.stamped, lab.of_stamped)
    for finder in told["finders"].values():
        finder["true_positives"] = {"value": None, "low": 0.0, "high": 1.0, "n_hit": 0, "n": 0}
    folder = lab.settings.data_root / "reports" / "mended"
    folder.mkdir()
    write_json(folder / "finding.json", {**told, "n_poisoned": 0})
    with lab.database.transaction() as session:
        facts = session.get_one(Artefact, FINDING_ID).facts
        row = {"id": "mended", "kind": ArtefactKind.FINDING, "name": "Mended", "parents": [], "facts": facts}
        session.add(Artefact(**row, folder="reports/mended"))
    page = client.get("/lab/poisoning/finding/mended").text
    with lab.database.transaction() as session:
        session.delete(session.get_one(Artefact, "mended"))
    assert "The lab knows which 0 of these images are poisoned" in page
    assert page.count('<span class="quiet">none there</span>') == 3


def test_a_search_is_ordered_and_its_page_shows_every_rate(client, lab):
    answer = send(client, lab)
    assert answer.status_code == 302, answer.text
    job_id = int(answer.location.rpartition("/")[2])
    assert "Under way" in client.get("/lab/poisoning/finding/").text
    jobs = Jobs(lab.database, lab.settings)
    jobs.run_until_ended(job_id)
    told = jobs.progress(job_id)
    assert told.state == "done", told.error
    assert f'href="/lab/poisoning/finding/{told.artefact_id}"' in client.get(answer.location).text
    page = client.get(f"/lab/poisoning/finding/{told.artefact_id}").text
    for words in ("Flags unpoisoned", "Of the poisoned", "of bars", "left out: it needs a trusted subset"):
        assert words in page
    assert "Nobody vouches for any image." in page
    assert "Look" in client.get("/lab/poisoning/finding/").text
    with lab.database.reading() as session:
        row = session.get_one(Artefact, told.artefact_id)
    with lab.app.app_context():
        report = finding_of(row)
    assert report["name"] == "Look"
    assert {"dataset_id", "classifier_id", "trusted_id", "n", "finders", "suspects"} <= set(report)


def test_a_trusted_subset_of_the_data_or_of_their_parent_is_offered(client, lab):
    with lab.app.app_context(), lab.database.reading() as session:
        row = session.get_one(Artefact, lab.bars.id)
        made = vouch(row, proposed(lab.bars, 6).tolist(), by="a@b.example", owner_id=1)
    page = client.get(f"{NEW}?dataset={lab.stamped.id}&trusted={made.id}").text
    with lab.database.transaction() as session:
        session.delete(session.get_one(Artefact, made.id))
    assert f'<option selected value="{made.id}">18 images of bars' in page
    assert "Nobody vouches for images" not in page


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": ""}, "Give it a name"),
        ({"classifier_id": "gone"}, "Not a valid choice"),
        ({"classifier_id": "of_bars"}, "Not a valid choice"),
        ({"unpoisoned_id": "gone"}, "Not a valid choice"),
        ({"trusted_id": "gone"}, "Not a valid choice"),
        ({"epochs": "0"}, "Use 1 to 500"),
        ({"epochs": "x"}, "no whole number"),
    ],
)
def test_what_cannot_be_is_refused_and_makes_no_job(client, lab, more, said):
    n = n_jobs(lab)
    named = {name: lab.of_bars.id if value == "of_bars" else value for name, value in more.items()}
    answer = send(client, lab, **named)
    assert answer.status_code == 422
    assert said in answer.text
    assert n_jobs(lab) == n


def test_a_data_set_without_labels_is_refused(client, lab):
    with lab.database.transaction() as session:
        none = {"id": "nolabels", "name": "scans", "folder": "datasets/none", "parents": []}
        session.merge(Artefact(**none, kind=ArtefactKind.DATASET, facts={"classes": ["unlabelled"]}))
    answer = client.get(f"{NEW}?dataset=nolabels")
    assert answer.status_code == 422
    assert "have no labels" in answer.text
    assert "nolabels" not in client.get(NEW).text


def test_what_is_not_there_is_told_so(client):
    assert client.get(f"{NEW}?dataset=gone").status_code == 404
    assert "no search for poison with the id gone" in client.get("/lab/poisoning/finding/gone").text
    token = token_of(client, SHOWN)
    answer = client.post("/lab/poisoning/finding/gone/decisions", data={"do": "drop", "items": 1, "csrf_token": token})
    assert answer.status_code == 404


def test_the_finders_stand_with_their_rates_and_intervals(client):
    page = client.get(SHOWN).text
    assert "30 of 90: 30.0 %" in page
    assert "7 of 90" in page
    assert "17 of 18" in page
    assert "13 of 72" in page
    assert "20.0 % to 40.0 %" in page
    assert "nothing in the data tells which is the truth" in page


def test_suspects_are_ranked_paged_and_filtered_by_finder(client, lab):
    first = client.get(SHOWN).text
    assert items_of(first) == list(range(24))
    assert items_of(client.get(f"{SHOWN}?page=2").text) == list(range(24, N_FUSED))
    assert set(items_of(client.get(f"{SHOWN}?finder=confident+labels").text)) == set(range(N_FUSED, N_SUSPECTS))
    assert len(items_of(client.get(f"{SHOWN}?finder=any&page=2").text)) == N_SUSPECTS - 24
    assert items_of(client.get(f"{SHOWN}?finder=nobody").text) == list(range(24))
    assert f'src="/datasets/{lab.stamped.id}/images/0"' in first
    assert "fused, patch scan" in first


def test_a_list_of_one_finder_is_in_the_order_of_its_own_scores(client, lab):
    page = client.get(f"{SHOWN}?finder=patch+scan").text
    assert items_of(page) == list(range(N_FUSED - 1, N_FUSED - 25, -1))
    assert f"<dt>Score</dt><dd>{(N_FUSED - 1) / 10:g}</dd>" in page
    assert items_of(client.get(f"{SHOWN}?finder=confident+labels").text) == [37, 34, 31, 38, 35, 32, 39, 36, 33, 30]


def test_a_search_of_before_is_listed_in_the_order_of_fused(client, lab):
    told = report_of(lab.stamped, lab.of_stamped)
    old = {**told, "suspects": [{n: v for n, v in one.items() if n != "scores"} for one in told["suspects"]]}
    assert [one.index for one in suspects_of(old, {}, finder="patch scan")] == list(range(N_FUSED))
    assert suspects_of(old, {}, finder="patch scan")[1].score == 0.99


def test_a_list_without_images_says_what_it_is_and_leads_on(client, lab):
    page = client.get(f"{SHOWN}?decision=clear").text
    assert "Of what fused flags, nothing is cleared." in page
    assert "See every suspect" in page
    with lab.database.transaction() as session:
        row = session.get_one(Artefact, FINDING_ID)
        folder = lab.settings.data_root / "reports" / "quiet"
        folder.mkdir(exist_ok=True)
        told = {**report_of(lab.stamped, lab.of_stamped), "suspects": []}
        write_json(folder / "finding.json", told)
        quiet = {"id": "quiet", "kind": row.kind, "name": "Quiet", "parents": [], "folder": "reports/quiet"}
        session.merge(Artefact(**quiet, facts=row.facts))
    page = client.get("/lab/poisoning/finding/quiet").text
    assert "No finder flags any image. That does not show that nothing is poisoned." in page
    assert "See every suspect" not in page


def test_the_suggested_class_is_preset_and_the_present_one_is_not_offered(client, lab):
    card = client.get(SHOWN).text.partition('<li id="item-0"')[2].partition("</li>")[0]
    label = lab.stamped.items[0].label
    offered = re.findall(r'<option value="(\d)"( selected)?>', card)
    assert {int(value) for value, _ in offered} == {0, 1, 2} - {label}
    assert [int(value) for value, chosen in offered if chosen] == [(label + 1) % 3]


def test_one_image_is_confirmed_relabelled_or_cleared_and_it_is_told_by_whom(client, lab):
    other = (lab.stamped.items[1].label + 2) % 3
    decide(client, items=0, do="drop", label="1")
    decide(client, items=1, do="relabel", label=str(other))
    answer = decide(client, "?finder=any&decision=undecided&page=2", items=2, do="clear")
    assert answer.status_code == 302
    assert answer.location.startswith(SHOWN)
    assert {"finder=any", "decision=undecided", "page=2"} <= set(re.split(r"[?&#]", answer.location))
    assert decided(lab) == {0: ("drop", None), 1: ("relabel", other), 2: ("clear", None)}
    with lab.app.app_context():
        assert confirmed(FINDING_ID) == ([0], {1: other})
    page = client.get(SHOWN).text
    assert page.count(f"by {EMAILS['admin']}") == 3
    assert "2 confirmed" in page
    assert items_of(client.get(f"{SHOWN}?decision=drop").text) == [0]
    assert 0 not in items_of(client.get(f"{SHOWN}?decision=undecided").text)


def test_a_decision_is_replaced_by_the_next_and_can_be_undone(client, lab):
    decide(client, items=3, do="drop")
    decide(client, items=3, do="clear")
    assert decided(lab) == {3: ("clear", None)}
    assert "1 image undecided again." in client.get(decide(client, items=3, do="undo").location).text
    assert decided(lab) == {}


def test_a_page_and_all_that_a_finder_flags_are_decided_at_once_and_undone(client, lab):
    decide(client, items=0, do="clear")
    page = client.get(SHOWN).text
    undecided = re.findall(
        r'name="items" value="(\d+)"', page.partition("<h3>This page</h3>")[2].partition("</form>")[0]
    )
    assert [int(one) for one in undecided] == list(range(1, 24))
    decide(client, items=undecided, do="drop")
    assert len(decided(lab)) == 24
    decide(client, finder="fused", do="relabel")
    kinds = [kind for kind, _ in decided(lab).values()]
    assert (kinds.count("clear"), kinds.count("drop"), kinds.count("relabel")) == (1, 23, N_FUSED - 24)
    decide(client, finder="fused", do="undo")
    assert decided(lab) == {}


def test_what_has_no_suggested_class_is_left_undecided_of_several(client, lab):
    answer = decide(client, finder="any", do="relabel")
    assert len(decided(lab)) == N_FUSED
    assert f"{N_SUSPECTS - N_FUSED} have no other class suggested" in client.get(answer.location).text


def test_who_empties_the_last_page_comes_back_to_one_that_is_there(client):
    rest = list(range(24, N_FUSED))
    answer = decide(client, "?decision=undecided&page=2", items=rest, do="clear")
    assert "page=2" in answer.location
    assert items_of(client.get(answer.location).text) == list(range(24))
    assert decide(client, "?page=2", items=25, do="drop").location.endswith("#item-25")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"items": 89, "do": "drop"}, "image 89 of stamped is no suspect"),
        ({"items": 10**12, "do": "drop"}, "is no suspect"),
        ({"items": 89, "do": "undo"}, "image 89 of stamped is no suspect"),
        ({"items": 0, "do": "relabel", "label": 3}, "class 3 is none of stamped; use 0 to 2"),
        ({"items": 0, "do": "relabel", "label": -1}, "class -1 is none of stamped"),
        ({"items": N_FUSED, "do": "relabel"}, f"no class is suggested for image {N_FUSED}"),
        ({"finder": "nobody", "do": "drop"}, "no finder &#39;nobody&#39; was asked"),
        ({"items": 0, "do": "burn"}, "The decision cannot be read"),
        ({"items": "x", "do": "drop"}, "The decision cannot be read"),
        ({"do": "drop"}, "no image is named"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_changes_nothing(client, lab, form, said):
    answer = decide(client, **form)
    assert answer.status_code == 422
    assert said in answer.text
    assert decided(lab) == {}


def test_the_present_label_is_no_new_one(client, lab):
    answer = decide(client, items=0, do="relabel", label=lab.stamped.items[0].label)
    assert answer.status_code == 422
    assert "image 0 is labelled left already" in answer.text


def test_decisions_need_an_administrator_and_a_token(client, lab):
    other = lab.client("clinician")
    token = token_of(other, "/screen")
    assert other.post(f"{SHOWN}/decisions", data={"items": 0, "do": "drop", "csrf_token": token}).status_code == 403
    assert client.post(f"{SHOWN}/decisions", data={"items": 0, "do": "drop"}).status_code == 400
    assert decided(lab) == {}


def test_the_repair_is_reached_once_an_image_is_confirmed(client):
    assert "Repair:" not in client.get(SHOWN).text
    decide(client, items=0, do="drop")
    assert f'href="/lab/poisoning/repairs/new?finding={FINDING_ID}">Repair: 1 confirmed' in client.get(SHOWN).text


def test_a_search_leads_to_the_run_that_planted_the_poison(client, lab):
    assert "planted the poison" not in client.get(SHOWN).text
    run = {"id": "arun", "kind": ArtefactKind.POISONING, "name": "Planted", "folder": "reports/arun", "facts": {}}
    with lab.database.transaction() as session:
        session.add(Artefact(**run, parents=[lab.bars.id, lab.stamped.id]))
    page = client.get(SHOWN).text
    with lab.database.transaction() as session:
        session.delete(session.get_one(Artefact, "arun"))
    assert 'The run <a href="/lab/poisoning/arun">Planted</a> planted the poison' in page


@pytest.mark.parametrize("path", ["/lab/poisoning/finding/", "/trusted-subsets/", "/lab/poisoning/repairs/"])
def test_every_list_leads_back_to_the_lab(client, path):
    assert 'href="/lab/poisoning/">poisoning lab</a>' in client.get(path).text


def test_the_report_is_given_as_json(client):
    answer = client.get(f"{SHOWN}/report.json")
    assert len(answer.get_json()["suspects"]) == N_SUSPECTS
    assert "attachment" in answer.headers["Content-Disposition"]


def test_what_is_counted_is_what_is_listed(lab):
    client = lab.client("admin")
    for finder, n in (("fused", N_FUSED), ("confident labels", N_SUSPECTS - N_FUSED), ("any", N_SUSPECTS)):
        page = client.get(f"/lab/poisoning/finding/{FINDING_ID}?finder={finder}").text
        assert sum(tally(page).values()) == n, finder


def tally(page):
    """The counts above the list, by their words."""
    words = page.partition('<dl class="tally">')[2].partition("</dl>")[0]
    return {name: int(n) for name, n in re.findall(r"<dt>([^<]+)</dt><dd>(\d+)</dd>", words)}


def test_the_form_tells_what_is_trained_and_why_it_differs(lab, client):
    with lab.app.app_context(), lab.database.reading() as session:
        row = session.get_one(Artefact, lab.bars.id)
        made = vouch(row, proposed(lab.bars, 6).tolist(), by="a@b.example", owner_id=1)
        told = trainings_for(row, [SelectChoice(made.id, made.name), SelectChoice("", "none")], 2)
    page = client.get(f"{NEW}?dataset={lab.stamped.id}&trusted={made.id}").text
    with lab.database.transaction() as session:
        session.delete(session.get_one(Artefact, made.id))
    assert told[0] == ("", "4 classifiers of the folds, each on about 67 images for 2 epochs.")
    few = "4 of the 18 trusted images alone for 60 epochs with 8 images a step: so few images want more epochs"
    assert told[1][0] == made.name
    assert told[1][1].startswith(few)
    assert "With the epochs left empty these are trained:" in page
    assert "4 classifiers of the folds, each on about 67 images for 6 epochs." in page
    assert f"With {made.name}: 4 of the " in page
    assert "given at least as many as make 600 steps of so few images, up to 60" in page
