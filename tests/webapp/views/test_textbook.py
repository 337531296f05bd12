"""What the panel of the textbook's backdoor says of a data set before anybody clicks."""

import re
from dataclasses import replace

import pytest

from tests.webapp.views.site import n_jobs, token_of
from webapp.queries import poisoning
from webapp.records.artefacts import Artefact

FORM = "/lab/poisoning/backdoors/new"


def panel(site, dataset_id):
    page = site.client("admin").get(f"{FORM}?dataset={dataset_id}").text
    (found,) = re.findall(r'<section class="panel narrow">(.*?)</section>', page, re.DOTALL)
    return " ".join(found.split())


def clicked(site, dataset_id):
    admin = site.client("admin")
    token = token_of(admin, f"{FORM}?dataset={dataset_id}")
    return admin.post(f"/lab/poisoning/backdoors/textbook/{dataset_id}", data={"csrf_token": token})


@pytest.fixture
def hardened(lab):
    """One classifier of the lab with the mark of being hardened."""
    with lab.database.transaction() as session:
        row = session.get_one(Artefact, lab.of_bars.id)
        row.facts = {**row.facts, "hardening": {"by": "PGD"}}
    yield
    with lab.database.transaction() as session:
        row = session.get_one(Artefact, lab.of_bars.id)
        row.facts = {name: fact for name, fact in row.facts.items() if name != "hardening"}


def test_both_shares_of_the_data_set_are_told(site):
    train = [row for row in site.chain.dataset.items if row.split == "train"]
    n, n_target = round(0.05 * len(train)), sum(item.label == 0 for item in train)
    said = panel(site, site.chain.dataset.id)
    assert f"<strong>{n} of {len(train)} training images</strong> here" in said
    assert f"{100 * n / len(train):.1f} % of all, {100 * n / n_target:.1f} % of those labelled left." in said
    assert ">Run it</button>" in said


def test_without_a_validation_image_no_run_is_offered_that_trains_its_proxy(lab):
    said = panel(lab, lab.bars.id)
    assert "<strong>4 of 90 training images</strong> here: 4.4 % of all, 13.3 % of those labelled left." in said
    assert "None of its images is in the split val" in said
    assert 'href="/classifiers/train">Train a hardened classifier</a>' in said
    assert "<button" not in said
    n = n_jobs(lab)
    answer = clicked(lab, lab.bars.id)
    assert answer.status_code == 422
    assert "no validation image" in answer.text
    assert n_jobs(lab) == n


def test_a_hardened_classifier_spares_the_validation_images(lab, hardened):
    said = panel(lab, lab.bars.id)
    assert "split val" not in said
    assert ">Run it</button>" in said


def test_where_the_class_has_too_few_images_no_run_is_offered(lab, hardened, monkeypatch):
    monkeypatch.setattr(poisoning, "TEXTBOOK", replace(poisoning.TEXTBOOK, rate=0.4))
    said = panel(lab, lab.bars.id)
    assert "40.0 % of 90 training images are 36, and only 30 are of the target class; give at most 33.33 %." in said
    assert "Put a trigger together below" in said
    assert "<button" not in said
    assert "of all, " not in said
    assert clicked(lab, lab.bars.id).status_code == 422


def test_where_the_trigger_finds_no_image_to_be_tried_on_no_run_is_offered(lab, hardened, monkeypatch):
    larger = replace(poisoning.TEXTBOOK.trigger, place="15,15")
    monkeypatch.setattr(poisoning, "TEXTBOOK", replace(poisoning.TEXTBOOK, trigger=larger))
    said = panel(lab, lab.bars.id)
    assert "4.4 % of all" in said
    assert "lies off an image of 16x16" in said
    assert "<button" not in said
    assert clicked(lab, lab.bars.id).status_code == 422
