"""How the stretches of a part add up to one progress."""

from dataclasses import replace

import pytest

from pipeline.training.hardening_settings import PGD, HardeningSettings
from pipeline.training.settings import TrainingSettings
from webapp.jobs.course import ELSE, JUDGING, Course, training_costs
from webapp.jobs.detector_course import LEARNING, n_sets
from webapp.jobs.finding_course import ALONE, ALONE_FOLDS, ASKING, FEATURES, FOLDS


@pytest.fixture
def told():
    return []


def course(told, costs, **more):
    return Course(costs, lambda done, total, what: told.append((done / total, what)), **more)


def test_it_never_goes_back_and_ends_whole(told):
    tell = course(told, {FEATURES: 2, FOLDS: 70, ALONE: 10, ALONE_FOLDS: 15, ASKING: 3}, words="beside: {}".format)
    for what in ("looking at features", "fold 1 of 4: epoch 1", "fold 2 of 4: epoch 1"):
        tell(1, 4, what)
    tell(3, 4, "fold 3 of 4: preparing train images")
    tell(0, 4, "fold 3 of 4: epoch 1")
    tell(2, 4, "trusted images alone: epoch 3")
    tell(1, 4, "trusted images alone: fold 1 of 3: epoch 1")
    tell(5, 6, "asking patch scan")
    tell(1, 1, "something else")
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[2] == shares[3] == shares[4] == pytest.approx(0.02 + 0.7 / 4)
    assert shares[6] == pytest.approx(0.82 + 0.15 / 4, abs=1e-4)
    assert shares[-1] == shares[-2] == pytest.approx(0.97 + 0.03 * 5 / 6)
    assert told[0][1] == "beside: looking at features"


def test_what_was_done_before_counts_as_done(told):
    tell = course(told, {"first": 3.0, "second": 1.0})
    tell(1, 2, "second")
    tell(0, 2, "first")
    tell(2, 2, "unheard of")
    assert [share for share, _ in told] == [0.875] * 3


def test_the_rest_takes_what_no_other_stretch_claims(told):
    tell = course(told, {ELSE: 9.0, JUDGING: 1.0})
    tell(1, 2, "epoch 1 of 2, loss 1.0")
    tell(1, 2, "judging epoch 1")
    tell(2, 2, "epoch 2 of 2, loss 1.0")
    tell(1, 2, "classifying images")
    assert [share for share, _ in told] == [0.45, 0.45, 0.9, 0.95]


def test_a_stretch_that_comes_several_times_has_its_share_each_time(told):
    tell = course(told, {JUDGING: 1.0}, times={JUDGING: 2})
    for done in (1, 2, 1, 2):
        tell(done, 2, "classifying images")
    tell(1, 2, "classifying images")
    assert [share for share, _ in told] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_work_without_a_total_leaves_it_where_it_is(told):
    tell = course(told, {ELSE: 1.0})
    tell(1, 2, "epoch 1")
    tell(0, 0, "epoch 2")
    assert [share for share, _ in told] == [0.5, 0.5]


def test_a_hardened_training_costs_its_attacks_too():
    plain = TrainingSettings()
    hard = replace(plain, hardening=HardeningSettings(method=PGD, steps=7))
    assert training_costs(hard, 100, 10)[ELSE] == 8 * training_costs(plain, 100, 10)[ELSE]
    assert training_costs(hard, 100, 10)[JUDGING] == training_costs(plain, 100, 10)[JUDGING]


def test_the_stretches_of_a_detector_are_told_apart(told):
    tell = course(told, LEARNING)
    said = ("features of clean scans", "epoch 1 of 2", "epoch 2 of 2, judging: 3 of 4", "marks of attacks, held out")
    for what, done in zip(said, (1, 1, 2, 1), strict=True):
        tell(done, 2, what)
    shares = [share for share, _ in told]
    assert shares == sorted(set(shares))
    assert shares[0] < 0.02
    assert 0.9 < shares[-1] < 1


def test_judging_takes_a_set_of_scans_for_each_attack_and_more():
    assert n_sets([]) < n_sets([{"attacked": 3}, {"attacked": 0}]) < n_sets([{"attacked": 3}] * 2)
