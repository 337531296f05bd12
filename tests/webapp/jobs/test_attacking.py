"""The job of attackers who know a detector: cancelled, killed and taken up again, and how far it says to be."""

import json
import shutil
import time

import pytest

from pipeline.artefacts import DataRoot
from pipeline.detection.adaptive import evaluate_adaptive
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.detection.files import load_detector, save_detector
from pipeline.detector_report.kept import kept_adaptive
from pipeline.errors import BadAttack, NotEnoughClean, UnknownArtefact
from tests.webapp.jobs.conftest import wait_until
from webapp.errors import UnknownRecord
from webapp.jobs.attacking_course import course_of, in_words
from webapp.jobs.course import Course
from webapp.jobs.running import job_folder
from webapp.records.jobs import JobState

QUICK = {"steps": 6, "restarts": 1}
PLAN = {
    "n": 4, "radii": [16, 24], "grid": [20, 24], "attacks": ["joint_pgd", "orthogonal_pgd"],
    "for_price": ["joint_pgd"], "params": {"joint_pgd": QUICK, "orthogonal_pgd": QUICK}, "guides": 20, "seed": 0,
}  # fmt: skip


def plan():
    return AdaptivePlan(**{name: tuple(value) if isinstance(value, list) else value for name, value in PLAN.items()})


@pytest.fixture
def settings(settings, tiny_chain):
    """The tests' settings, over a copy of the tiny chain."""
    for kind in ("datasets", "models", "adversarial", "detectors", "keys"):
        shutil.copytree(tiny_chain.root.path / kind, settings.data_root / kind)
    return settings


@pytest.fixture
def job(jobs, tiny_chain):
    """An order, waiting."""
    parents = [tiny_chain.adversarial_set.id, tiny_chain.classifier.id]
    params = {"detector_id": tiny_chain.detector.id, "name": "Tiny", "parents": parents, "plan": PLAN, "alpha": 0.1}
    return jobs.enqueue("attack_detector", params)


@pytest.fixture
def notes(settings, job):
    """When each measurement that was kept beside the job was written, by its file."""

    def read():
        folder = job_folder(settings, job.id) / "work-0"
        return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}

    return read


@pytest.fixture(scope="module")
def unstopped(tiny_chain, tmp_path_factory):
    """The report without a job, and every step of its progress."""
    known, steps = (tiny_chain.detector, tiny_chain.classifier), []
    report = evaluate_adaptive(
        known,
        tiny_chain.dataset,
        plan(),
        work=tmp_path_factory.mktemp("unstopped"),
        alpha=0.1,
        progress=lambda *step: steps.append(step),
    )
    return json.loads(json.dumps(report.to_json())), steps


def kept(settings, job):
    return kept_adaptive(DataRoot(settings.data_root), job.params["detector_id"])


def test_a_cancelled_job_keeps_what_it_measured_and_goes_on_from_there(jobs, job, bench, settings, notes, unstopped):
    def cancel_once_something_is_measured():
        if any(name.startswith("unaware-mim") for name in notes()):
            if not jobs.progress(job.id).cancelling:
                jobs.cancel(job.id)
            time.sleep(0.1)
        return False

    assert bench.run(job.id, 0, stopping=cancel_once_something_is_measured)
    bench.dispatch()
    assert jobs.get(job.id).state is JobState.CANCELLED
    assert kept(settings, job) == []
    measured = notes()
    assert not any(name.startswith("adaptive-orthogonal_pgd") for name in measured)
    jobs.resume(job.id)
    assert bench.run(job.id, 0)
    assert {name: written for name, written in notes().items() if name in measured} == measured
    bench.dispatch()
    assert jobs.get(job.id).state is JobState.DONE
    assert kept(settings, job) == [unstopped[0]]


def test_a_killed_worker_costs_the_measurement_in_hand_alone(jobs, job, settings, start, notes, unstopped):
    start("webapp.jobs.dispatcher")
    first = start("webapp.jobs.worker")
    wait_until(notes, seconds=90)
    first.kill()
    first.wait()
    measured = notes()
    start("webapp.jobs.worker")
    more = wait_until(lambda: (found := notes()).keys() > measured.keys() and found, seconds=90)
    assert {name: more[name] for name in measured} == measured
    ended = wait_until(lambda: (row := jobs.get(job.id)).state.ended and row, seconds=90)
    assert ended.state is JobState.DONE, ended.error
    assert kept(settings, job) == [unstopped[0]]


def test_a_second_detector_is_attacked_in_its_place(jobs, job, settings, tiny_chain):
    first, home = tiny_chain.detector, DataRoot(settings.data_root).detectors
    same = {"name": "second", "classifier_id": first.classifier_id, "parents": first.parents, "notes": first.notes}
    second = save_detector(load_detector(first), first.calibration[:-1], home, **same)
    alone = {**PLAN, "attacks": ["surrogate_transfer"], "for_price": [], "params": {"surrogate_transfer": QUICK}}
    jobs.cancel(job.id)
    again = jobs.enqueue("attack_detector", {**job.params, "plan": alone, "surrogate_id": second.id})
    ended = jobs.run_until_ended(again.id)
    assert ended.state is JobState.DONE, ended.error
    (run,) = kept(settings, job)
    assert (run["surrogate_id"], run["left_out"]) == (second.id, {})
    assert [cell["attack"] for cell in run["cells"] if "ignoring" not in cell["attack"]] == ["surrogate_transfer"] * 2


def test_its_progress_goes_from_nothing_to_all_over_every_measurement(unstopped):
    told, costs = [], course_of(plan())
    course = Course(costs, lambda *step: told.append(step), words=in_words)
    for step in unstopped[1]:
        course(*step)
    assert {what for _, _, what in unstopped[1]} <= set(costs), "A measurement that the course does not know."
    fractions = [done / total for done, total, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.1
    assert fractions[-1] > 0.8
    said = list(dict.fromkeys(what for _, _, what in told))
    assert len(set(fractions)) >= len(said) == len(costs)
    assert said[:2] == ["The classifier alone, 24/255", "The classifier alone, 20/255"]
    assert {"PGD, 16/255", "Joint PGD, 24/255", "Orthogonal PGD, 16/255"} <= set(said)


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"plan": {**PLAN, "n": 0}}, BadAttack, "n 0; give a whole number"),
        ({"plan": {**PLAN, "attacks": ["pgd"]}}, BadAttack, "no adaptive attack 'pgd'; there are joint_pgd"),
        ({"alpha": 0.001}, NotEnoughClean, "cannot support a false-alarm rate of"),
        ({"detector_id": "gone"}, UnknownArtefact, "in detectors"),
        ({"surrogate_id": "gone"}, UnknownArtefact, "in detectors"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_without_a_job(jobs, job, changed, error, says):
    with pytest.raises(error, match=says):
        jobs.enqueue("attack_detector", {**job.params, **changed})
    with pytest.raises(UnknownRecord):
        jobs.get(job.id + 1)
