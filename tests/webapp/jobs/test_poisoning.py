"""Runs of the poisoning lab as jobs: what each leaves, what it tells while it works, and what is no run."""

import pytest
from sqlalchemy import func, select

from datasets.atomic import read_json
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadClassifier, BadPoison, BadTraining, UnknownArtefact
from pipeline.poisoning.poison import poison_record
from pipeline.provenance.chain import read_history
from pipeline.provenance.event import EventKind
from tests.pipeline.poisoning.pictures import pictures
from webapp.jobs.poisoning_asked import FLIPPED
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job, JobState

ORIGINAL, CLEAN = "original model", "clean model"
QUICK = {"epochs": 1, "batch_size": 30}
FLIP = {"kind": "one_way", "source": 0, "target": 2, "ratio": 0.5}


@pytest.fixture
def bars(settings):
    return pictures(DataRoot(settings.data_root).datasets)


def asked(dataset, lab="flips", **more):
    return {"lab": lab, "dataset_id": dataset.id, "name": "Try", "recipe": FLIP, "settings": QUICK, **more}


def done(jobs, kind, params):
    job = jobs.run_until_ended(jobs.enqueue(kind, params).id)
    assert job.state is JobState.DONE, job.error
    return job


def artefacts(database):
    with database.reading() as session:
        return {row.id: row for row in session.scalars(select(Artefact))}


def test_flips_leave_a_data_set_two_classifiers_and_a_report(jobs, bars, database, settings):
    job = done(jobs, "flip_labels", asked(bars))
    rows = artefacts(database)
    run = rows[job.artefact_id]
    assert (run.kind, run.name, run.facts["kind"]) == (ArtefactKind.POISONING, "Try", "flips")
    told = read_json(settings.data_root / run.folder / "run.json")
    assert told["n_flipped"] == 15
    poisoned = rows[told["poisoned_id"]]
    assert (poisoned.kind, poisoned.parents) == (ArtefactKind.DATASET, [bars.id])
    assert poisoned.facts["lab"] == lab_of(FLIPPED) | {"poisoned": True}
    original, other = (rows[told[side]["classifier_id"]] for side in ("original", "poisoned"))
    assert (original.facts["lab"]["what"], other.facts["lab"]["what"]) == (ORIGINAL, FLIPPED)
    assert (original.parents, other.parents) == ([bars.id], [poisoned.id])
    assert original.facts["report"]["n"] == 60
    assert set(run.parents) == {bars.id, poisoned.id, original.id, other.id}


def test_each_epoch_stands_in_the_log(jobs, bars):
    job = done(jobs, "flip_labels", asked(bars))
    lines = [line.text for line in jobs.progress(job.id).log if "epoch" in line.text]
    assert [line.partition(",")[0] for line in lines] == [FLIPPED, ORIGINAL]
    assert all("epoch 1: loss " in line and "accuracy " in line for line in lines)


def test_what_every_model_says_of_every_test_image_is_kept(jobs, bars, database, settings):
    job = done(jobs, "flip_labels", asked(bars))
    run = artefacts(database)[job.artefact_id]
    folder = settings.data_root / run.folder
    kept = read_json(folder / "answers.json")
    assert set(kept) == {"clean"}
    assert set(kept["clean"]["models"]) == {ORIGINAL, FLIPPED}
    told = read_json(folder / "run.json")
    counts = [kept["clean"]["models"][FLIPPED]["classes"].count(k) for k in range(3)]
    assert counts == told["poisoned"]["predicted"]


def test_a_classifier_that_is_there_is_not_trained_again(jobs, bars, database):
    done(jobs, "flip_labels", asked(bars))
    (original,) = (row for row in artefacts(database).values() if row.facts.get("lab", {}) == lab_of(ORIGINAL))
    job = done(jobs, "flip_labels", asked(bars, original_id=original.id))
    assert jobs.get(job.id).n_shards == 3
    assert original.id in artefacts(database)[job.artefact_id].parents


def lab_of(what):
    return {"lab": "flips", "run": "Try", "what": what, "poisoned": False}


def test_a_perturbed_backdoor_leaves_its_control_as_well(jobs, bars, database, settings):
    done(jobs, "flip_labels", asked(bars))
    proxy = next(row for row in artefacts(database).values() if row.facts.get("lab") == lab_of(ORIGINAL))
    recipe = {"labels": "clean", "rate": 0.1, "target": 1, "perturbation": {"eps": 0.5, "steps": 2}}
    order = asked(bars, "backdoor", recipe=recipe, proxy_id=proxy.id, original_id=proxy.id, strength=0.5)
    job = done(jobs, "plant_backdoor", order)
    run = artefacts(database)[job.artefact_id]
    told = read_json(settings.data_root / run.folder / "run.json")
    assert [row["what"] for row in told["rows"]] == ["clean-label backdoor", "control without perturbation"]
    assert told["strength"] == 0.5
    kept = read_json(settings.data_root / run.folder / "answers.json")
    assert set(kept["triggered"]["models"]) == {CLEAN, "clean-label backdoor", "control without perturbation"}
    hits = kept["triggered"]["models"][CLEAN]["classes"]
    others = [k for k, index in enumerate(kept["triggered"]["items"]) if bars.items[index].label != 1]
    assert sum(hits[k] == 1 for k in others) == told["original"]["success"]["n_hit"]


def test_a_run_trains_its_own_proxy_first_and_shows_the_control(jobs, database, settings):
    bars = pictures(DataRoot(settings.data_root).datasets, n_val=30)
    recipe = {"labels": "clean", "rate": 0.1, "target": 1, "perturbation": {"eps": 0.5, "steps": 2}}
    hardening = {"method": "fast", "eps": 0.1}
    job = done(jobs, "plant_backdoor", asked(bars, "backdoor", recipe=recipe, hardening=hardening))
    assert jobs.get(job.id).n_shards == 7
    rows = artefacts(database)
    told = read_json(settings.data_root / rows[job.artefact_id].folder / "run.json")
    assert [row["what"] for row in told["rows"]] == ["clean-label backdoor", "control without perturbation"]
    (proxy,) = (row for row in rows.values() if row.facts.get("lab", {}).get("what") == "hardened proxy")
    assert (proxy.parents, proxy.facts["lab"]["poisoned"]) == ([bars.id], False)
    assert (proxy.facts["hardening"]["method"], proxy.facts["hardening"]["eps"]) == ("fast", 0.1)
    used = [poison_record(open_dataset(settings.data_root / "datasets" / row["poisoned_id"])) for row in told["rows"]]
    assert [one.proxy for one in used] == [proxy.id, None]
    assert proxy.id not in {told["original"]["classifier_id"], *(row["classifier_id"] for row in told["rows"])}


def test_a_proxy_is_not_hardened_without_validation_images(jobs, bars):
    recipe = {"labels": "clean", "rate": 0.1, "target": 1, "perturbation": {}}
    with pytest.raises(BadTraining, match="bars: no validation image"):
        jobs.enqueue("plant_backdoor", asked(bars, "backdoor", recipe=recipe, hardening={"method": "fast"}))


@pytest.mark.parametrize(
    ("kind", "more", "error", "said"),
    [
        ("flip_labels", {"recipe": {**FLIP, "ratio": 0.51}}, BadPoison, "a ratio of 0.51; give 0 to 0.5"),
        ("flip_labels", {"recipe": {**FLIP, "target": 0}}, BadPoison, "source and target are both class 0"),
        ("flip_labels", {"recipe": {**FLIP, "target": 3}}, BadPoison, "no class 3"),
        ("flip_labels", {"settings": {"size": 10}}, BadClassifier, "10"),
        ("flip_labels", {"settings": {"epochs": 0}}, BadTraining, "epochs 0; give 1"),
        ("flip_labels", {"original_id": "gone"}, UnknownArtefact, "no 'gone' in models"),
        ("flip_labels", {"dataset_id": "gone"}, UnknownArtefact, "no 'gone' in datasets"),
        ("plant_backdoor", {"recipe": {"rate": 0.001}}, BadPoison, "are none; give a higher rate"),
        ("plant_backdoor", {"recipe": {"trigger": {"place": "15,0"}}}, BadPoison, "lies off an image of 16x16"),
        ("plant_backdoor", {"recipe": {}, "strength": 0.0}, BadPoison, "a trigger of strength 0"),
        ("plant_backdoor", {"recipe": {}, "proxy_id": "gone"}, UnknownArtefact, "no 'gone' in models"),
        ("plant_backdoor", {"recipe": {"labels": "clean", "perturbation": {}}}, BadPoison, "needs a proxy"),
    ],
)
def test_what_cannot_be_makes_no_job(jobs, bars, database, kind, more, error, said):
    lab = "flips" if kind == "flip_labels" else "backdoor"
    with pytest.raises(error, match=said):
        jobs.enqueue(kind, asked(bars, lab) | more)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_a_training_whose_worker_ends_goes_on_after_the_last_whole_epoch(jobs, bars, bench, database):
    asked_twice = asked(bars) | {"settings": {**QUICK, "epochs": 2}}
    job = jobs.enqueue("flip_labels", asked_twice)
    assert bench.run(job.id, 0)
    bench.run(job.id, 1, stopping=lambda: epochs(jobs, job) == ["epoch 1"])
    assert epochs(jobs, job) == ["epoch 1"]
    assert jobs.progress(job.id).shards["pending"] == 3
    assert bench.run(job.id, 1)
    assert epochs(jobs, job) == ["epoch 1", "epoch 2"]
    ended = jobs.run_until_ended(job.id)
    undisturbed = done(jobs, "flip_labels", asked_twice)
    assert ended.artefact_id == undisturbed.artefact_id


def epochs(jobs, job):
    return [
        line.text.partition(", ")[2].partition(":")[0] for line in jobs.progress(job.id).log if FLIPPED in line.text
    ]


def test_histories_tell_which_order_made_what(jobs, bars, database, settings):
    job = done(jobs, "flip_labels", asked(bars))
    rows = artefacts(database)
    root = DataRoot(settings.data_root)
    made = [rows[one] for one in rows[job.artefact_id].parents if one in rows]
    told = {event.kind: event.by for row in made for event in read_history(settings.data_root / row.folder, root)}
    assert told == {EventKind.FLIP: f"job {job.id}", EventKind.TRAINING: f"job {job.id}"}
