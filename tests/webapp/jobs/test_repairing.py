"""A repair as a job: what it leaves, what it tells, and what is no repair."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from datasets.atomic import read_json
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, BadTraining, UnknownArtefact
from pipeline.poisoning.poison import poison_record
from pipeline.poisoning.trusted import mark_trusted
from pipeline.provenance.chain import read_history
from pipeline.provenance.event import EventKind
from tests.pipeline.poisoning.pictures import pictures
from tests.webapp.jobs.test_poisoning import artefacts, asked, done
from webapp.records.artefacts import ArtefactKind
from webapp.records.jobs import Job, Shard


@pytest.fixture
def settings(settings):
    """A lease that a slow machine keeps: nobody dies here."""
    return replace(settings, lease_s=60.0)


@pytest.fixture
def bars(settings):
    return pictures(DataRoot(settings.data_root).datasets)


@pytest.fixture
def suspected(jobs, bars, database, settings):
    """A data set whose labels the lab flipped, and the classifier that learned from it."""
    job = done(jobs, "flip_labels", asked(bars))
    told = read_json(settings.data_root / artefacts(database)[job.artefact_id].folder / "run.json")
    root = DataRoot(settings.data_root)
    return open_dataset(root.find("datasets", told["poisoned_id"])), told["poisoned"]["classifier_id"]


def order(suspected, *, drop=(), relabel=None, **more):
    dataset, classifier_id = suspected
    named = {"dataset_id": dataset.id, "classifier_id": classifier_id, "name": "Mend"}
    changes = {"drop": list(drop), "relabel": {str(item): label for item, label in (relabel or {}).items()}}
    return {**named, **changes, **more}


def test_a_repair_leaves_a_data_set_a_classifier_and_a_report(jobs, suspected, database, settings):
    bad = poison_record(suspected[0]).items.tolist()
    relabel = dict.fromkeys(bad[2:-1], 0)
    job = done(jobs, "repair_poison", order(suspected, drop=bad[:2], relabel=relabel))
    rows = artefacts(database)
    run = rows[job.artefact_id]
    told = read_json(settings.data_root / run.folder / "repair.json")
    repaired, after = rows[told["repaired_id"]], rows[told["after"]["classifier_id"]]
    assert (run.kind, run.name, run.facts["told"]) == (ArtefactKind.REPAIR, "Mend", told["analysis"])
    assert run.parents == [suspected[0].id, repaired.id, suspected[1], after.id]
    assert (repaired.kind, repaired.parents) == (ArtefactKind.DATASET, [suspected[0].id])
    assert (after.kind, after.parents, after.facts["report"]["n"]) == (ArtefactKind.CLASSIFIER, [repaired.id], 60)
    assert [row["item"] for row in told["dropped"]] == bad[:2]
    assert {row["item"]: row["to"] for row in told["relabelled"]} == relabel
    assert (told["truth"]["n_dropped"], told["truth"]["n_restored"], told["truth"]["n_left"]) == (2, 12, 1)
    assert (told["flagged_before"]["flagged"]["n"], told["flagged_after"]["flagged"]["n"]) == (90, 88)
    assert (told["flagged_before"]["poisoned"]["n"], told["flagged_after"]["poisoned"]["n"]) == (15, 1)
    assert told["alike"]
    for row in (repaired, after):
        assert row.facts["repair"] == {"run": "Mend", "of": suspected[0].name}
        assert (row.facts["lab"]["lab"], row.facts["lab"]["poisoned"]) == ("flips", False)
    root = DataRoot(settings.data_root)
    history = read_history(settings.data_root / repaired.folder, root)
    assert [(event.kind, event.by) for event in history] == [
        (EventKind.RELABEL, f"job {job.id}"),
        (EventKind.DROP, f"job {job.id}"),
    ]


def test_no_part_of_a_run_or_its_repair_goes_back(told_shares, jobs, suspected):
    bad = poison_record(suspected[0]).items.tolist()
    job = done(jobs, "repair_poison", order(suspected, drop=bad))
    parts = {idx: shares for (job_id, idx), shares in told_shares.items() if job_id == job.id}
    assert set(parts) == {0, 1, 2, 3, 4}
    for shares in told_shares.values():
        assert shares == sorted(shares)
        assert shares[0] < 0.6
    # Writing tells of every few hundred images, and there are fewer.
    assert all(parts[idx][-1] > 0.95 for idx in (1, 2, 3, 4))


def test_the_parts_of_a_repair_weigh_what_they_cost(jobs, suspected, database):
    job = jobs.enqueue("repair_poison", order(suspected, drop=poison_record(suspected[0]).items.tolist()))
    with database.reading() as session:
        query = select(Shard.weight).where(Shard.job_id == job.id).order_by(Shard.idx)
        written, trained, before, after, compared = session.scalars(query)
    jobs.cancel(job.id)
    assert before == after
    assert 2.5 < before / trained < 3.5  # Four folds of three quarters.
    assert written < compared < trained


def test_a_backdoor_is_verified_by_its_trigger_and_a_trusted_subset_is_shown_both_times(jobs, bars, database, settings):
    recipe = {"rate": 0.2, "target": 1, "trigger": {"height": 4, "width": 4}}
    job = done(jobs, "plant_backdoor", asked(bars, "backdoor", recipe=recipe))
    root = DataRoot(settings.data_root)
    (row,) = read_json(settings.data_root / artefacts(database)[job.artefact_id].folder / "run.json")["rows"]
    stamped = open_dataset(root.find("datasets", row["poisoned_id"]))
    bad = poison_record(stamped).items.tolist()
    honest = [i for i in stamped.indices("train").tolist() if i not in bad]
    trusted = mark_trusted(stamped, honest[:40], root.trusted, by="admin")
    asked_for = order((stamped, row["classifier_id"]), drop=bad, trusted_id=trusted.id)
    job = done(jobs, "repair_poison", asked_for)
    run = artefacts(database)[job.artefact_id]
    told = read_json(settings.data_root / run.folder / "repair.json")
    assert told["trusted_id"] == trusted.id
    assert set(told["trigger_before"]["success"]) == {"value", "low", "high", "n_hit", "n"}
    assert told["trigger_after"]["success"]["n"] == 40
    assert told["flagged_after"]["poisoned"]["n"] == 0
    with pytest.raises(BadPoison, match=f"admin vouches for item {honest[0]}, which shall be changed"):
        jobs.enqueue("repair_poison", {**asked_for, "drop": [honest[0]]})


def test_the_same_order_gives_the_same_run_and_other_settings_are_told(jobs, suspected, database, settings):
    first, again = (done(jobs, "repair_poison", order(suspected, drop=[0])).artefact_id for _ in range(2))
    assert first == again
    other = done(jobs, "repair_poison", order(suspected, drop=[0], settings={"epochs": 2})).artefact_id
    told = read_json(settings.data_root / artefacts(database)[other].folder / "repair.json")
    assert len(told["after"]["history"]) == 2
    assert not told["alike"]


def test_data_that_the_lab_did_not_poison_are_not_called_for_study(jobs, suspected, bars, database, settings):
    original = next(
        row.id for row in artefacts(database).values() if row.facts.get("lab", {}).get("what") == "original model"
    )
    job = done(jobs, "repair_poison", order((bars, original), drop=[0]))
    rows = artefacts(database)
    run = rows[job.artefact_id]
    made = rows[run.parents[1]]
    assert "lab" not in made.facts
    assert made.facts["repair"]["of"] == "bars"
    assert "truth" not in read_json(settings.data_root / run.folder / "repair.json")


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"drop": []}, BadPoison, "no image is confirmed or named; confirm suspects of a search, or name images"),
        ({"drop": [1], "relabel": {"1": 0}}, BadPoison, "item 1 is both dropped and relabelled; choose one"),
        ({"drop": [140]}, BadPoison, "item 140 is no training image; choose among those"),
        ({"drop": [99999]}, BadPoison, "item 99999 is no training image"),
        ({"relabel": {"1": 5}}, BadPoison, "has no class 5 that item 1 could get"),
        ({"drop": list(range(1, 90, 3))}, BadPoison, "no training image of middle would be left"),
        ({"dataset_id": "gone"}, UnknownArtefact, "no 'gone' in datasets"),
        ({"classifier_id": "gone"}, UnknownArtefact, "no 'gone' in models"),
        ({"trusted_id": "gone"}, UnknownArtefact, "no 'gone' in trusted"),
        ({"settings": {"epochs": 0}}, BadTraining, "epochs 0; give 1"),
    ],
)
def test_what_cannot_be_makes_no_job(jobs, suspected, database, more, error, said):
    n = n_jobs(database)
    with pytest.raises(error, match=said):
        jobs.enqueue("repair_poison", order(suspected, drop=[0]) | more)
    assert n_jobs(database) == n


def test_a_classifier_that_did_not_learn_from_the_data_is_refused(jobs, suspected, bars, database, settings):
    with pytest.raises(BadPoison, match="poisoned model was not trained on bars; choose one that was"):
        jobs.enqueue("repair_poison", order((bars, suspected[1]), drop=[0]))
    few = pictures(DataRoot(settings.data_root).datasets, n_test=0)
    original = next(
        row for row in artefacts(database).values() if row.facts.get("lab", {}).get("what") == "original model"
    )
    with pytest.raises(BadPoison, match="was not trained on bars"):
        jobs.enqueue("repair_poison", order((few, original.id), drop=[0]))


def n_jobs(database):
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Job))
