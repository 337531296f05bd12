"""Runs made again from their records, as jobs."""

import shutil

import pytest

from pipeline.errors import BadPoison
from tests.webapp.jobs.test_poisoning import FLIP, artefacts, asked, done
from webapp.errors import UnknownRecord
from webapp.jobs.poisoning_asked import FLIPPED


def order(run, dataset, recipe=FLIP):
    sets = [{"what": FLIPPED, "dataset_id": run.parents[1], "recipe": recipe}]
    told = {"run_id": run.id, "name": run.name, "parents": list(run.parents), "lab": "flips", "sets": sets}
    return {**told, "dataset_id": dataset.id}


def flipped(jobs, dataset, database):
    job = done(jobs, "flip_labels", asked(dataset))
    return artefacts(database)[job.artefact_id]


def test_a_run_that_its_record_tells_is_made_again_bit_equal_and_keeps_its_facts(jobs, bars, root, database):
    run = flipped(jobs, bars, database)
    before = sorted(path.name for path in root.datasets.iterdir())
    job = done(jobs, "replay_poison", order(run, bars))
    assert job.artefact_id == run.id
    again = artefacts(database)[run.id]
    outcome = again.facts["replay"]
    (one,) = outcome["sets"]
    assert (outcome["same"], one["what"], one["dataset_id"], one["replayed_id"]) == (
        True,
        FLIPPED,
        run.parents[1],
        run.parents[1],
    )
    assert {name: fact for name, fact in again.facts.items() if name != "replay"} == run.facts
    assert (again.parents, again.folder, again.name) == (run.parents, run.folder, run.name)
    assert sorted(path.name for path in root.datasets.iterdir()) == before
    assert any("bit-equal" in line.text for line in jobs.progress(job.id).log)


def test_what_the_record_does_not_tell_is_named(jobs, bars, database):
    run = flipped(jobs, bars, database)
    done(jobs, "replay_poison", order(run, bars, {**FLIP, "target": 1}))
    outcome = artefacts(database)[run.id].facts["replay"]
    (one,) = outcome["sets"]
    assert (outcome["same"], one["same"], one["n_differences"]) == (False, False, 15)
    assert len(one["differences"]) == 15
    assert one["differences"][0].endswith("label 1, was 2")


def test_what_lost_its_clean_data_is_refused_and_makes_no_job(jobs, bars, database):
    run = flipped(jobs, bars, database)
    params = order(run, bars)
    shutil.rmtree(bars.folder)
    with pytest.raises(BadPoison, match=r"the clean data set .* is gone; bring it back under datasets"):
        jobs.enqueue("replay_poison", params)
    with pytest.raises(UnknownRecord):
        jobs.get(2)


def test_the_classifiers_are_trained_again_where_that_is_asked_for(jobs, bars, root, database):
    run = flipped(jobs, bars, database)
    params = order(run, bars)
    params["sets"][0]["classifiers"] = list(run.parents[2:])
    before = sorted(path.name for path in root.models.iterdir())
    job = done(jobs, "replay_poison", params)
    outcome = artefacts(database)[run.id].facts["replay"]
    assert (outcome["same"], outcome["same_weights"]) == (True, True)
    told = outcome["sets"][0]["classifiers"]
    assert {one["classifier_id"]: one["same"] for one in told} == dict.fromkeys(run.parents[2:], True)
    assert sorted(path.name for path in root.models.iterdir()) == before
    assert sum("trained again as" in line.text for line in jobs.progress(job.id).log) == 2
