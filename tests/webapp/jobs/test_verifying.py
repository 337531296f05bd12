"""Large artefacts are verified, and vouched for, by jobs: with progress, to be cancelled, and only once."""

import json

import pytest

from pipeline.artefacts import DataRoot
from pipeline.errors import UnknownArtefact
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.event import EventKind
from pipeline.provenance.kept import last_examination
from pipeline.provenance.record import recorded
from tests.pipeline.poisoning.pictures import pictures
from webapp.jobs.lease import CancelledByUserError
from webapp.jobs.registry import KINDS, Work
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import JobState

WHY = "Two readers looked at every image."


@pytest.fixture
def root(settings):
    return DataRoot(settings.data_root)


@pytest.fixture
def bars(root):
    made = pictures(root.datasets)
    recorded(made.folder, root, EventKind.IMPORT, by="ann")
    return made


def asked(dataset, **more):
    return {"artefact_id": dataset.id, "kind": "dataset", "name": dataset.name, "parents": ["above"], **more}


def work(settings, params, folder, progress=lambda done, total, what: None):
    folder.mkdir(parents=True, exist_ok=True)
    places = {"folder": folder, "output": folder / "0.a1", "parts": ()}
    counts = {"job_id": 7, "idx": 0, "stage": 0, "attempt": 1}
    return Work(settings=settings, params=params, progress=progress, by="ann@hospital.org", **places, **counts)


def test_a_verification_is_kept_and_leaves_the_artefact_as_it_was(jobs, database, root, bars):
    with database.transaction() as session:
        row = Artefact(id=bars.id, kind=ArtefactKind.DATASET, name="Bars", folder=f"datasets/{bars.id}")
        row.parents, row.facts = ["above"], {"n": len(bars)}
        session.add(row)
    job = jobs.run_until_ended(jobs.enqueue("verify_history", asked(bars)).id)
    assert (job.state, job.artefact_id) == (JobState.DONE, bars.id)
    found = last_examination(bars.folder, root)
    assert found.verification.ok
    assert found.by == f"job {job.id}"
    assert "nobody vouched for it" in found.not_compared
    with database.reading() as session:
        row = session.get(Artefact, bars.id)
    assert (row.name, row.parents, row.facts) == ("Bars", ["above"], {"n": len(bars)})


def test_what_was_changed_stands_in_the_log_and_in_the_result(jobs, root, bars):
    path = bars.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["items"][7]["label"] = 2
    path.write_text(json.dumps(manifest))
    job = jobs.run_until_ended(jobs.enqueue("verify_history", asked(bars)).id)
    assert job.state is JobState.DONE
    lines = [line.text for line in jobs.progress(job.id).log]
    assert f"item 7 {bars.items[7].name}: label 2, was 1" in lines
    assert any("NOT WHOLE" in line for line in lines)
    assert not last_examination(bars.folder, root).verification.ok


def test_somebody_vouches_once_though_the_worker_is_asked_twice(settings, root, bars, tmp_path):
    one = work(settings, asked(bars, why=WHY), tmp_path / "work")
    for _ in range(2):
        made = KINDS["trust_history"].run(one)
    assert (made.id, made.parents) == (bars.id, ("above",))
    imported, trusted = read_history(bars.folder, root)
    assert (imported.kind, trusted.kind, trusted.by) == ("import", "trust", "ann@hospital.org")
    assert (trusted.what["why"], trusted.what["job"]) == (WHY, 7)


def test_nobody_vouches_for_what_was_changed(jobs, root, bars):
    path = bars.folder / HISTORY
    before = path.read_bytes().replace(b'"by":"ann"', b'"by":"bob"')
    path.write_bytes(before)
    job = jobs.run_until_ended(jobs.enqueue("trust_history", asked(bars, why=WHY)).id)
    assert job.state is JobState.FAILED
    assert "does not hash to what is written there" in job.error
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["verify_history", "trust_history"])
def test_it_can_be_cancelled_and_then_nothing_is_kept(settings, root, tmp_path, kind):
    many = pictures(root.datasets, n_train=1_000, side=8)
    recorded(many.folder, root, EventKind.IMPORT, by="ann")

    def stop(done, total, what):
        assert (done, total, what) == (1_000, 1_060, "hashing levels")
        raise CancelledByUserError

    with pytest.raises(CancelledByUserError):
        KINDS[kind].run(work(settings, asked(many, why=WHY), tmp_path / "work", stop))
    assert last_examination(many.folder, root) is None
    assert len(read_history(many.folder, root)) == 1


def test_what_is_gone_makes_no_job(jobs, bars):
    with pytest.raises(UnknownArtefact, match="no 'gone' in datasets"):
        jobs.enqueue("verify_history", {**asked(bars), "artefact_id": "gone"})
