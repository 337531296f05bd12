"""Faults in mid-run of the poisoning lab: a killed worker changes no result, and a cancel leaves nothing by half."""

import time
from dataclasses import replace

import pytest
from sqlalchemy import select

from datasets.atomic import read_json
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.provenance.record import checked
from tests.pipeline.poisoning.pictures import pictures
from tests.webapp.jobs.conftest import wait_until
from tests.webapp.jobs.test_poisoning import artefacts, asked, done
from webapp.records.jobs import JobState, Shard, ShardState

FLIP = "flip_labels"
EPOCHS = 12
"""So many that a worker is still at it when it is killed after the first."""


@pytest.fixture
def settings(settings):
    """A lease that a worker renews even on a slow machine, and that ends soon after it was killed."""
    return replace(settings, lease_s=6.0)


@pytest.fixture
def bars(settings):
    return pictures(DataRoot(settings.data_root).datasets)


def learning(dataset, **more):
    return asked(dataset, settings={"epochs": EPOCHS, "batch_size": 30}, **more)


@pytest.fixture
def mending(jobs, bars, database, settings):
    """The order of a repair of flipped labels."""
    job = done(jobs, FLIP, asked(bars))
    told = read_json(settings.data_root / artefacts(database)[job.artefact_id].folder / "run.json")
    named = {"dataset_id": told["poisoned_id"], "classifier_id": told["poisoned"]["classifier_id"], "name": "Mend"}
    return {**named, "drop": [1, 4], "relabel": {"2": 0}, "settings": {"epochs": EPOCHS // 2}}


def made_of(database, run_id):
    """The ids of a run and of everything that it stands on."""
    return {run_id, *artefacts(database)[run_id].parents}


def epochs_told(jobs, job):
    return [line for line in jobs.progress(job.id).log if "epoch" in line.text]


def shard(database, job, idx):
    with database.reading() as session:
        return session.scalar(select(Shard).where(Shard.job_id == job.id, Shard.idx == idx))


def killed_and_ended(jobs, database, start, job, *moments):
    """Kill a worker at each of these moments; another one goes on by itself when the lease has ended."""
    start("webapp.jobs.dispatcher")
    for reached in moments:
        worker = start("webapp.jobs.worker")
        wait_until(reached, seconds=120)
        worker.kill()
        worker.wait()
        assert jobs.get(job.id).state is JobState.RUNNING, "The worker was killed too late."
    start("webapp.jobs.worker")
    ended = wait_until(lambda: (row := jobs.get(job.id)).state.ended and row, seconds=120)
    assert ended.state is JobState.DONE, ended.error
    with database.reading() as session:
        attempts = session.scalars(select(Shard.attempt).where(Shard.job_id == job.id)).all()
    assert sum(attempts) == len(attempts) + len(moments), "A kill cost more than the part in hand."
    return ended.artefact_id


@pytest.mark.slow
def test_a_worker_killed_in_mid_training_costs_that_part_alone_and_changes_no_result(jobs, bars, database, start):
    job = jobs.enqueue(FLIP, learning(bars))
    run_id = killed_and_ended(jobs, database, start, job, lambda: epochs_told(jobs, job))
    told = [line.text.partition(":")[0] for line in epochs_told(jobs, job)]
    assert len(told) == len(set(told)) == 2 * EPOCHS, "An epoch that was kept is not trained again."
    made = made_of(database, run_id)
    undisturbed = done(jobs, FLIP, learning(bars))
    assert made_of(database, undisturbed.artefact_id) == made


@pytest.mark.slow
def test_a_repair_whose_workers_are_killed_gives_what_an_undisturbed_one_gives(
    jobs, mending, database, settings, start
):
    job = jobs.enqueue("repair_poison", mending)

    def learning_anew():
        return shard(database, job, 1).state is ShardState.LEASED and epochs_told(jobs, job)

    def asking_after():
        # The finder of these few pictures is in the middle as soon as one of its folds is kept.
        return shard(database, job, 3).state is ShardState.LEASED and folds(settings, job, 3)

    run_id = killed_and_ended(jobs, database, start, job, learning_anew, asking_after)
    made = made_of(database, run_id)
    undisturbed = done(jobs, "repair_poison", mending)
    assert made_of(database, undisturbed.artefact_id) == made


def folds(settings, job, part):
    return list((settings.data_root / "work" / "jobs" / str(job.id) / f"work-{part}").rglob("*.npy"))


def cancelled(jobs, bench, job, *, idx, when):
    """Run a part and cancel the job in the middle of it."""
    seen = []

    def stopping():
        if when() and not seen:
            seen.append(jobs.cancel(job.id))
        return False

    # The lease reads the flag; until it has, the part goes on as a real one does.
    assert bench.run(job.id, idx, stopping=stopping)
    wait_until(bench.dispatcher.step)  # Whoever did an earlier job in this thread may lead for a while still.
    assert seen, "The part was done before the cancel."
    assert jobs.get(job.id).state is JobState.CANCELLED


def test_a_run_cancelled_in_mid_training_leaves_whole_artefacts_alone(jobs, bars, bench, database, settings):
    job = jobs.enqueue(FLIP, asked(bars, settings={"epochs": 300, "batch_size": 30}))
    bench.run(job.id, 0)
    before = set(artefacts(database))
    cancelled(jobs, bench, job, idx=1, when=lambda: bool(epochs_told(jobs, job)))
    assert set(artefacts(database)) == before
    assert everything_is_whole(database, settings)
    assert names(settings, "models") == names(settings, "reports") == []


def test_a_repair_cancelled_in_mid_training_leaves_whole_artefacts_alone(jobs, mending, bench, database, settings):
    job = jobs.enqueue("repair_poison", {**mending, "settings": {"epochs": 300}})
    models, reports = names(settings, "models"), names(settings, "reports")
    bench.run(job.id, 0)
    before = set(artefacts(database))
    cancelled(jobs, bench, job, idx=1, when=lambda: bool(epochs_told(jobs, job)))
    assert set(artefacts(database)) == before
    assert everything_is_whole(database, settings)
    assert (names(settings, "models"), names(settings, "reports")) == (models, reports)


@pytest.mark.parametrize("kind", [FLIP, "plant_backdoor", "repair_poison"])
def test_a_part_cancelled_while_it_writes_a_data_set_leaves_none(
    jobs, bars, mending, bench, database, settings, kind, monkeypatch
):
    recipe = {"rate": 0.2, "target": 1}
    orders = {
        FLIP: learning(bars) | {"recipe": {"kind": "cyclic", "ratio": 0.3}},
        "plant_backdoor": asked(bars, "backdoor", recipe=recipe),
        "repair_poison": mending,
    }
    job = jobs.enqueue(kind, orders[kind])
    there, before = names(settings, "datasets"), set(artefacts(database))
    # Every image is a batch, so that the flag is read in mid-writing, and slow enough for the lease to read it.
    monkeypatch.setattr("datasets.derive._REPORT_EVERY", 1)
    cancelled(jobs, bench, job, idx=0, when=slowly)
    assert names(settings, "datasets") == there
    assert set(artefacts(database)) == before


def slowly():
    time.sleep(0.05)
    return True


def names(settings, kind):
    """What lies in a folder of the data root, whatever it is called."""
    home = settings.data_root / kind
    return sorted(path.name for path in home.iterdir()) if home.exists() else []


def everything_is_whole(database, settings):
    """Whether every data set that lies there has a row, or was there first, and is what its history says."""
    for name in names(settings, "datasets"):
        folder = settings.data_root / "datasets" / name
        assert open_dataset(folder).id == name
        checked(folder)
    return {row.folder for row in artefacts(database).values() if row.kind == "dataset"} <= {
        f"datasets/{name}" for name in names(settings, "datasets")
    }
