from dataclasses import replace

import numpy as np
import pytest

from datasets.atomic import read_json, sha256_file
from detector.conformal import alarms, false_alarm_band, flagged_range, p_values
from pipeline.detection.evaluate import evaluate_detector
from pipeline.detection.evidence import clean_scans
from pipeline.detection.files import load_detector, open_detector
from pipeline.detection.lineage import lineage
from pipeline.detection.network import GateNetwork, score_scans
from pipeline.detection.recalibrate import recalibrate
from pipeline.detection.shift import rate_shifts
from pipeline.errors import BadCalibration, NotEnoughClean, UnknownArtefact
from pipeline.gate.release import release
from pipeline.gate.screening import open_gate
from pipeline.models.files import load_model
from tests.fixtures.local import N_LOCAL, local_dataset, local_root


class Cancelled(Exception):
    """Stands for a cancelled job."""


@pytest.fixture
def root(tiny_chain, tmp_path):
    return local_root(tiny_chain, tmp_path / "data")


@pytest.fixture
def old(root, tiny_chain):
    return open_detector(root.find("detectors", tiny_chain.detector.id))


@pytest.fixture
def local(root, tmp_path):
    return local_dataset(root, tmp_path)


@pytest.fixture
def made(old, local, root):
    return recalibrate(old, local, root, name="here")


def test_its_report_promises_nothing_for_scans_of_elsewhere(made, local, old, tiny_chain):
    here, there = (
        evaluate_detector(one, tiny_chain.adversarial_set, tiny_chain.dataset, tiny_chain.classifier, alpha=0.2)
        for one in (old, made[0])
    )
    assert (here.sources.calibrated_on, there.sources.calibrated_on) == ("", f"local ({local.id})")
    assert "and so between" in here.to_markdown()
    assert f"of another data set, local ({local.id}), which promises" in there.to_markdown()
    assert f"nothing for the {there.n_clean} that were judged" in there.to_markdown()


def _bytes(folder):
    return {path.name: sha256_file(path) for path in folder.iterdir()}


def test_only_the_calibration_differs_and_the_old_detector_stays(old, local, root):
    before = _bytes(old.folder)
    made, report = recalibrate(old, local, root, name="here")
    assert _bytes(old.folder) == before
    assert made.id != old.id
    assert made.weights_sha256 == old.weights_sha256
    assert _bytes(made.folder)["weights.safetensors"] == before["weights.safetensors"]
    assert made.classifier_id == old.classifier_id
    assert made.parents == (old.id, local.id)
    assert len(made.calibration) == report.n == N_LOCAL
    kept = {key: value for key, value in made.notes.items() if key in old.notes and key != "n_calibration"}
    assert kept == {key: value for key, value in old.notes.items() if key != "n_calibration"}


def test_it_says_what_it_was_calibrated_on_before_and_now(made, old, local, tiny_chain):
    noted = made.detector.notes["recalibration"]
    assert noted["before"] == {
        "dataset_id": tiny_chain.dataset.id,
        "splits": ["calibration"],
        "n": len(old.calibration),
    }
    assert (noted["dataset_id"], noted["n"]) == (local.id, N_LOCAL)
    assert (
        noted
        == made.detector.notes["recalibration"]
        == read_json(made.detector.folder / "detector.json")["notes"]["recalibration"]
    )


def test_its_scores_are_those_of_the_local_scans(made, old, local, tiny_chain):
    network = GateNetwork(load_model(tiny_chain.classifier), load_detector(old))
    scans = clean_scans(local, range(len(local)))
    scores = score_scans(network, scans, n=len(local), what="").score
    np.testing.assert_allclose(np.sort(scores), made.detector.calibration, atol=1e-4)


def test_before_is_what_the_old_gate_flags_and_after_is_promised(made, old, local):
    row = next(row for row in made.report.rates if row.alpha == 0.1)
    p = p_values(old.calibration, made.detector.calibration)
    assert row.before.value == np.mean([alarms(float(each), 0.1) for each in p])
    assert row.before.low <= row.before.value <= row.before.high
    assert row.band == false_alarm_band(N_LOCAL, 0.1)
    assert row.expected == flagged_range(len(old.calibration), 0.1, N_LOCAL)
    assert sum(shift.n for shift in made.report.by_class.values()) == N_LOCAL


def test_the_noisier_scanner_shows_as_a_shift_that_recalibration_ends(made, local, root):
    row = next(row for row in made.report.rates if row.alpha == 0.1)
    assert row.before.value > 0.5
    assert row.differs
    gate = open_gate(release(made.detector, root, alpha=0.1).folder)
    flagged = [gate.screen(local.levels(index), 8).verdict == "adversarial" for index in range(len(local))]
    assert np.mean(flagged) <= 0.1


def test_alike_scans_rarely_look_shifted_and_others_do():
    rng = np.random.default_rng(0)
    n_told = 0
    for _ in range(400):
        old, scores = np.sort(rng.normal(size=1000)), rng.normal(size=300)
        n_told += next(row for row in rate_shifts(old, scores, 0.05) if row.alpha == 0.05).differs
    assert n_told / 400 <= 0.08
    assert all(row.differs for row in rate_shifts(old, scores + 3, 0.05))


def test_a_rate_that_the_old_scans_did_not_support_has_no_before():
    rng = np.random.default_rng(0)
    row = rate_shifts(np.sort(rng.normal(size=50)), rng.normal(size=400), 0.01)[0]
    assert (row.alpha, row.before, row.expected, row.differs) == (0.01, None, None, False)


def test_alarms_of_a_class_have_no_before_either_where_the_rate_was_not_supported(old, local, root):
    few = replace(old, calibration=old.calibration[:20])
    by_class = recalibrate(few, local, root, alpha=0.1).report.by_class
    assert [shift.before for shift in by_class.values()] == [None, None]
    assert all(shift.after.value is not None for shift in by_class.values())


def test_recalibrated_once_more_it_still_knows_what_it_was_trained_on(made, local, root, tiny_chain):
    again = lineage(root, made.detector.id)
    assert again.dataset_id == tiny_chain.dataset.id
    assert again.adversarial_id == tiny_chain.adversarial_set.id
    assert again.calibrated_on == (local.id, ("train", "val", "detector", "calibration", "test"))
    half, report = recalibrate(made.detector, local, root, splits=("train",))
    assert half.parents == (made.detector.id, local.id)
    assert report.before["n"] == N_LOCAL
    assert lineage(root, half.id).dataset_id == tiny_chain.dataset.id
    with pytest.raises(BadCalibration, match="detector: the detector learns from it"):
        recalibrate(half, tiny_chain.dataset, root, splits=("detector",))


def test_the_same_once_more_is_the_same_detector(made, old, local, root):
    again, report = recalibrate(old, local, root, name="other", alpha=0.2)
    assert again.id == made.detector.id
    assert again.name == "here"
    assert report.alpha == 0.2


def test_scans_that_it_is_calibrated_on_already_are_refused(made, old, local, root, tiny_chain):
    for detector, dataset, splits in ((old, tiny_chain.dataset, ("calibration",)), (made.detector, local, ())):
        before = _bytes(detector.folder)
        with pytest.raises(BadCalibration, match=rf"detector {detector.id} \(.*\) has the same weights"):
            recalibrate(detector, dataset, root, splits=splits)
        assert _bytes(detector.folder) == before


def test_a_rate_that_the_scans_cannot_support_is_refused_before_any_work(old, local, root):
    steps = []
    with pytest.raises(NotEnoughClean, match=r"80 clean .* cannot support a false-alarm rate of 0.01 .*choose 0.1"):
        recalibrate(old, local, root, alpha=0.01, progress=lambda *step: steps.append(step))
    assert steps == []


def test_cancelled_it_leaves_nothing_and_taken_up_again_it_ends_the_same(old, local, root, tmp_path):
    def cancel(done, total, what):
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        recalibrate(old, local, root, progress=cancel)
    assert [path.name for path in root.detectors.iterdir()] == [old.id]
    seen = []
    once = recalibrate(old, local, root, progress=lambda done, total, what: seen.append((done, total)))
    assert seen[-1] == (N_LOCAL, N_LOCAL)
    assert recalibrate(old, local, root).detector.id == once.detector.id


def test_without_its_classifier_it_is_refused(old, local, root):
    stranger = replace(old, classifier_id="gone")
    with pytest.raises(UnknownArtefact, match="no 'gone' in models"):
        recalibrate(stranger, local, root)


def test_the_report_is_told_in_words(made):
    told = "\n".join(made.report.lines())
    assert "calibrated on 80 of 80 scans of local (train, val, detector, calibration, test)" in told
    assert "stated 10.0%: before" in told
    assert "expected; after, the true rate" in told
    assert "left: " in told
