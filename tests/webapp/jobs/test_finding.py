"""Searches for poison as jobs: what each leaves, what survives a worker, and what is no search."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select

from datasets.atomic import read_json
from detector.poisoned.registry import FINDERS
from pipeline.errors import BadPoison, BadTraining, BrokenHistory, UnknownArtefact
from pipeline.models.files import open_classifier, save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.poison import poison, poison_record
from pipeline.poisoning.quick import quick_settings
from pipeline.poisoning.repair import repair
from pipeline.poisoning.trusted import mark_trusted, proposed
from pipeline.provenance.chain import HISTORY
from pipeline.provenance.event import EventKind
from pipeline.provenance.record import recorded
from pipeline.training.train import train_classifier
from tests.pipeline.poisoning.pictures import pictures
from webapp.jobs.finding_course import ALONE, ALONE_FOLDS, ASKING, FEATURES, FOLDS, search_costs
from webapp.queries.suspects import FINDERS as FINDER_WORDS
from webapp.queries.suspects import FUSED
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job, JobState

NAMES = {finder.NAME for finder in FINDERS}
QUICK = {"epochs": 2, "batch_size": 30}


@pytest.fixture
def stamped(bars, root):
    return poison(bars, BackdoorRecipe(target=1, rate=0.2), root.datasets, name="stamped")


def trained(dataset, root):
    how = replace(quick_settings(dataset), **QUICK)
    return train_classifier(dataset, how, root.models, work=root.work / "c", name=f"of {dataset.name}")


def untrained(dataset, root, std):
    """A classifier that says it learned from a data set, and never did."""
    spec = default_spec("SmallCNN", classes=dataset.classes, channels=1, height=16, width=16)
    model = build_model(replace(spec, std=(std,)))
    return save_classifier(model, root.models, name=f"of {dataset.name}", parents=(dataset.id,))


def asked(dataset, classifier, **more):
    return {
        "dataset_id": dataset.id,
        "classifier_id": classifier.id,
        "trusted_id": None,
        "unpoisoned_id": None,
        "name": "Look",
        "settings": QUICK,
        **more,
    }


def done(jobs, params):
    job = jobs.run_until_ended(jobs.enqueue("find_poison", params).id)
    assert job.state is JobState.DONE, job.error
    return job


def row_of(database, artefact_id):
    with database.reading() as session:
        return session.get_one(Artefact, artefact_id)


def told(settings, row):
    return read_json(settings.data_root / row.folder / "finding.json")


def vouched(stamped, root):
    truth = poison_record(stamped).items
    return mark_trusted(stamped, [i for i in proposed(stamped, 14) if i not in truth], root.trusted, by="admin")


def test_every_finder_tells_its_alarms_on_the_same_data_unpoisoned(
    jobs, bars, stamped, root, database, settings, monkeypatch
):
    # How well a model of few images is trained is not asked here; it would take most of the time.
    monkeypatch.setattr("pipeline.poisoning.evidence.for_few", lambda how, n: replace(how, epochs=2))
    classifier, clean = trained(stamped, root), trained(bars, root)
    trusted = vouched(stamped, root)
    job = done(jobs, asked(stamped, classifier, trusted_id=trusted.id, unpoisoned_id=clean.id))
    row = row_of(database, job.artefact_id)
    assert (row.kind, row.name) == (ArtefactKind.FINDING, "Look")
    assert row.parents == [stamped.id, classifier.id, trusted.id, clean.id]
    report = told(settings, row)
    assert set(report["finders"]) == NAMES == set(FINDER_WORDS)
    for finder in report["finders"].values():
        assert finder["flagged"]["n"] == finder["flagged_unpoisoned"]["n"] == 90
        assert finder["true_positives"]["n"] == report["n_poisoned"] == 18
        assert finder["true_positives"]["n_hit"] + finder["false_positives"]["n_hit"] == finder["flagged"]["n_hit"]
    assert report["unpoisoned"] == {"dataset_id": bars.id, "classifier_id": clean.id, "n": 90}
    assert report["finders"][FUSED]["true_positives"]["value"] > 0.9
    assert {one["index"] for one in report["suspects"] if FUSED in one["flagged_by"]} >= {
        report["suspects"][0]["index"]
    }
    assert row.facts["n_fused"] == report["finders"][FUSED]["flagged"]["n_hit"]
    lines = [line.text for line in jobs.progress(job.id).log]
    assert any(line.startswith("fused flags ") for line in lines)
    assert any(line.startswith("the same data unpoisoned: fused flags ") for line in lines)


def test_a_classifier_of_the_clean_data_is_trained_where_none_is_named(jobs, stamped, bars, root, database, settings):
    subject = trained(stamped, root)
    job = done(jobs, asked(stamped, subject, settings={**QUICK, "epochs": 1}))
    assert jobs.get(job.id).n_shards == 4
    report = told(settings, row_of(database, job.artefact_id))
    clean = row_of(database, report["unpoisoned"]["classifier_id"])
    # As the one that is asked about the others, whatever the quick trainings of the search are.
    assert open_classifier(root.find("models", clean.id)).notes["settings"] == subject.notes["settings"]
    assert (clean.kind, clean.parents) == (ArtefactKind.CLASSIFIER, [bars.id])
    assert clean.facts["lab"] == {"lab": "backdoor", "run": "Look", "what": "clean model", "poisoned": False}
    assert "trusted reference" not in report["finders"]
    assert report["trusted_id"] is None


def test_repaired_data_of_the_lab_keep_their_truth_and_their_alarm_rate(jobs, stamped, bars, root, database, settings):
    bad = poison_record(stamped).items.tolist()
    fixed = repair(stamped, root.datasets, name="fixed", drop=bad[:6])
    job = done(jobs, asked(fixed, untrained(fixed, root, 0.1)))
    report = told(settings, row_of(database, job.artefact_id))
    assert (report["n"], report["n_poisoned"]) == (84, 12)
    assert {finder["true_positives"]["n"] for finder in report["finders"].values()} == {12}
    assert (report["unpoisoned"]["dataset_id"], report["unpoisoned"]["n"]) == (bars.id, 90)
    assert all("flagged_unpoisoned" in finder for finder in report["finders"].values())
    clean = row_of(database, report["unpoisoned"]["classifier_id"])
    assert (clean.parents, clean.facts["lab"]["lab"]) == ([bars.id], "backdoor")


def test_of_data_that_nobody_knows_clean_no_alarm_rate_and_no_truth_is_told(jobs, bars, root, database, settings):
    job = done(jobs, asked(bars, trained(bars, root)))
    assert jobs.get(job.id).n_shards == 2
    report = told(settings, row_of(database, job.artefact_id))
    assert report["unpoisoned"] is None
    assert report["n_poisoned"] is None
    assert all(set(one) == {"flagged", "facts"} for one in report["finders"].values())


def test_what_one_side_found_survives_the_other_sides_worker(jobs, bench, stamped, bars, root):
    params = asked(stamped, trained(stamped, root), unpoisoned_id=trained(bars, root).id)
    job = jobs.enqueue("find_poison", params)
    assert bench.run(job.id, 0)
    bench.run(job.id, 1, stopping=lambda: True)
    assert jobs.progress(job.id).shards == {"done": 1, "pending": 2}
    ended = jobs.run_until_ended(job.id)
    n_looked = [line.text for line in jobs.progress(job.id).log if line.text.startswith("fused flags ")]
    assert len(n_looked) == 1
    assert ended.artefact_id == done(jobs, params).artefact_id


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"classifier_id": "clean"}, BadPoison, "of bars was not trained on stamped"),
        ({"unpoisoned_id": "own"}, BadPoison, "of stamped was not trained on bars"),
        ({"classifier_id": "gone"}, UnknownArtefact, "no 'gone' in models"),
        ({"dataset_id": "gone"}, UnknownArtefact, "no 'gone' in datasets"),
        ({"trusted_id": "gone"}, UnknownArtefact, "no 'gone' in trusted"),
        ({"trusted_id": "foreign"}, BadPoison, "none of the 12 trusted images stands in stamped"),
        ({"settings": {"epochs": 0}}, BadTraining, "epochs 0; give 1"),
    ],
)
def test_what_cannot_be_makes_no_job(jobs, stamped, bars, root, database, more, error, said):
    own, clean = untrained(stamped, root, 0.1), untrained(bars, root, 0.2)
    other = pictures(root.datasets, seed=9)
    ids = {"own": own.id, "clean": clean.id}
    if more.get("trusted_id") == "foreign":
        ids["foreign"] = mark_trusted(other, proposed(other, 4), root.trusted, by="admin").id
    named = {key: ids.get(value, value) if isinstance(value, str) else value for key, value in more.items()}
    with pytest.raises(error, match=said):
        jobs.enqueue("find_poison", asked(stamped, own) | named)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_a_classifier_of_clean_data_is_refused_where_nobody_knows_them(jobs, bars, root):
    own = untrained(bars, root, 0.1)
    with pytest.raises(BadPoison, match="bars was not poisoned here, so nobody knows it clean"):
        jobs.enqueue("find_poison", asked(bars, own, unpoisoned_id=own.id))


@pytest.mark.parametrize("whose", ["clean data", "their classifier"])
def test_a_broken_history_of_the_unpoisoned_side_makes_no_job(jobs, bars, root, database, whose):
    recorded(bars.folder, root, EventKind.IMPORT, by="ann")
    stamped = poison(bars, BackdoorRecipe(target=1, rate=0.2), root.datasets, name="stamped")
    own, clean = untrained(stamped, root, 0.1), untrained(bars, root, 0.2)
    recorded(clean.folder, root, EventKind.TRAINING, by="ann")
    folder = bars.folder if whose == "clean data" else clean.folder
    (folder / HISTORY).write_bytes((folder / HISTORY).read_bytes().replace(b'"by":"ann"', b'"by":"bob"', 1))
    with pytest.raises(BrokenHistory, match=f"{folder.name}: history.jsonl: event 1 .* was changed"):
        jobs.enqueue("find_poison", asked(stamped, own, unpoisoned_id=clean.id))
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_clean_data_that_were_changed_are_no_measure_of_alarms(jobs, bars, root):
    recorded(bars.folder, root, EventKind.IMPORT, by="ann")
    stamped = poison(bars, BackdoorRecipe(target=1, rate=0.2), root.datasets, name="stamped")
    own, clean = untrained(stamped, root, 0.1), untrained(bars, root, 0.2)
    manifest = bars.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"label": 0', '"label": 1', 5))
    job = jobs.run_until_ended(jobs.enqueue("find_poison", asked(stamped, own, unpoisoned_id=clean.id)).id)
    assert job.state is JobState.FAILED
    assert f"datasets/{bars.id} is not what its history says" in job.error


def test_a_trusted_subset_that_lost_a_class_is_refused(jobs, stamped, root):
    own, truth = untrained(stamped, root, 0.1), set(poison_record(stamped).items.tolist())
    rows = [i for i in proposed(stamped, 30) if stamped.items[i].label != 1 or i in truth]
    wrong = mark_trusted(stamped, rows, root.trusted, by="admin")
    # Whoever vouched for stamped images said nothing of the same images without the stamp.
    with pytest.raises(BadPoison, match=r"0 of middle \(lacks 4\); give at least 4 of every class"):
        jobs.enqueue("find_poison", asked(stamped, own, trusted_id=wrong.id))


def test_a_search_costs_what_it_trains(bars):
    how = quick_settings(bars)
    alone = search_costs(3000, how, 0)
    assert list(alone) == [FEATURES, FOLDS, ASKING]
    beside = search_costs(3000, how, 60)
    assert list(beside) == [FEATURES, FOLDS, ALONE, ALONE_FOLDS, ASKING]
    assert beside[FOLDS] == alone[FOLDS] > 3 * how.epochs * 3000
    assert beside[ALONE_FOLDS] == pytest.approx(2 * 60 * 60 * (1 + 32 / 8))


def test_the_rates_are_those_of_the_flags(jobs, stamped, root, database, settings):
    report = told(settings, row_of(database, done(jobs, asked(stamped, trained(stamped, root))).artefact_id))
    truth = poison_record(stamped).items
    flagged = [one["index"] for one in report["suspects"] if FUSED in one["flagged_by"]]
    assert report["finders"][FUSED]["true_positives"]["n_hit"] == int(np.isin(flagged, truth).sum())
