"""What the report on the detector says of its promises about honest scans and the gate, on figures by hand."""

import pytest

from benchmarks.detector_figures import Found
from benchmarks.detector_gate_goals import honest_goals, speed_caveats, speed_goals
from benchmarks.detector_stages import STATIC
from tests.benchmarks.detector_notes import N, by_name, cell, interval, note, on_all, scored

pytestmark = pytest.mark.usefixtures("few_resamples")

NOISE = "noise of any norm, also faint, flagged, worst"
MIXED = "two harmless changes one after the other flagged, worst"
CLEAN = "clean scans flagged at 1 %"
WRONG = "wrong answers handed out under the static attacks at 1 %, by a gate without an uncertain band"
KEPT = "clean scans accepted at 1 %, by a gate without an uncertain band"
AS_RELEASED = " by the gate as released, which holds uncertain scans as well"
KEPT_AS_RELEASED = f"clean scans accepted{AS_RELEASED}"
WRONG_AS_RELEASED = f"wrong answers handed out under the static attacks{AS_RELEASED}"


def goals_of(*notes, seeds=None):
    return by_name(honest_goals(Found(notes, seeds or range(len(notes)))))


def flagging(name, n, *, seed=0):
    """A detector that flags n scans of a control."""
    loud = note(STATIC, on_all(), seed=seed)
    loud["raw"]["controls"][name] = scored([2.0] * n + [0.5] * (N - n))
    return loud


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (NOISE, "uniform noise 4/255"),
        (NOISE, "Gaussian noise 0.25/255"),
        (NOISE, "specks 1 %"),
        (MIXED, "gamma 0.9, then specks 1 %"),
        ("JPEG 95 and 90, gamma 0.9 and 1.1 flagged, worst", "gamma 0.9"),
    ],
)
def test_alarms_are_judged_by_the_worst_seed_of_the_worst_change(what, name):
    goal = goals_of(note(STATIC, on_all()), flagging(name, 4, seed=1))[what]
    assert (goal.met, goal.n) == (False, 2 * N)
    assert goal.value.endswith(f"worst seed 10.0%, {name}")
    assert goals_of(note(STATIC, on_all()))[what].met


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("uniform noise 8/255", NOISE),
        ("specks 5 %", NOISE),
        ("Gaussian noise 0.5/255, then gamma 0.9", MIXED),
        ("uniform noise 1/255", "attacks against noise of equal norm at 1/255, AUROC, worst noise"),
        ("resize 1.1", "JPEG 75, noise of sigma 2/255, resize 0.9 to 1.1 flagged, worst"),
    ],
)
def test_a_control_that_one_seed_lacks_is_no_promise_kept(gone, what):
    whole, part = note(STATIC, on_all()), note(STATIC, on_all(), seed=1)
    assert goals_of(whole)[what].met
    del part["raw"]["controls"][gone]
    goal = goals_of(whole, part)[what]
    assert not goal.met
    assert goal.value.endswith(f"; not measured: {gone} (seed 1)")


def test_noise_is_compared_with_every_attack_of_its_radius():
    what = "attacks against noise of equal norm at {}/255, AUROC, worst noise"
    goals = goals_of(note(STATIC, [*on_all(levels=(1, 4, 8)), cell("pgd", 2, []), cell("mim", 2, [3.0] * 5)]))
    assert goals[what.format(1)].met
    goal = goals[what.format(2)]
    assert not goal.met
    assert goal.value.endswith(", sign; no success: pgd; not measured: fgsm, bim")


def test_a_seed_that_was_not_run_is_missed_by_null_attack_and_clean_scans():
    goals = goals_of(note(STATIC, on_all()), seeds=(0, 1))
    for what in ("null attack, AUROC", CLEAN, WRONG, KEPT):
        assert (goals[what].met, goals[what].value.endswith("; not measured: seed 1")) == (False, True)
    assert goals["null attack, AUROC"].value == "0.500; not measured: seed 1"


def test_clean_scans_and_the_null_attack_are_judged_by_every_seed():
    assert goals_of(note(STATIC, on_all()))[CLEAN].met
    assert not goals_of(note(STATIC, on_all()), note(STATIC, on_all(), seed=1, clean_alarms=interval(0.03)))[CLEAN].met
    assert not goals_of(note(STATIC, on_all(), null_attack=0.6))["null attack, AUROC"].met


def test_a_seed_without_attacks_hands_out_no_promise():
    none = {"n": 0, "undefended": interval(None), "accepted": interval(None)}
    goal = goals_of(note(STATIC, on_all()), note(STATIC, on_all(), seed=1, handed_out=none))[WRONG]
    assert (goal.met, goal.n) == (False, 100)
    assert goal.value == "0.00%, undefended 50.00%; not measured: seed 1"


def test_an_attack_that_was_not_tried_hands_out_no_promise_and_one_that_failed_does():
    assert goals_of(note(STATIC, on_all(n=0)))[WRONG].met
    goal = goals_of(note(STATIC, on_all()[:-1]))[WRONG]
    assert (goal.met, goal.value) == (False, "0.00%, undefended 50.00%; not measured: cw")


def released(accepted, wrong=0.0):
    return {
        "alpha": 0.02,
        "n_clean": N,
        "accepted": interval(accepted),
        "n_attacked": 100,
        "handed_out": interval(wrong),
    }


def test_the_gate_as_released_is_judged_by_its_own_figures():
    goals = goals_of(note(STATIC, on_all(), released=released(0.975, 0.02)))
    kept, wrong = goals[KEPT_AS_RELEASED], goals[WRONG_AS_RELEASED]
    assert (kept.value, kept.met, kept.n) == ("97.50%, uncertain up to a rate of 2.00%", False, N)
    assert (wrong.value, wrong.met) == ("2.00%, undefended 50.00%, uncertain up to a rate of 2.00%", False)
    assert (goals[KEPT].met, goals[WRONG].met) == (True, True)
    good = goals_of(note(STATIC, on_all(), released=released(0.99, 0.01)))
    assert (good[KEPT_AS_RELEASED].met, good[WRONG_AS_RELEASED].met) == (True, True)


def test_a_gate_that_no_report_tells_of_is_not_measured():
    goals = goals_of(note(STATIC, on_all()))
    assert [goal.value for what, goal in goals.items() if what.endswith(AS_RELEASED)] == ["not measured"] * 2
    mixed = goals_of(note(STATIC, on_all(), released=released(0.99)), note(STATIC, on_all(), seed=1))
    goal = mixed[KEPT_AS_RELEASED]
    assert (goal.met, goal.value.endswith("; not measured: seed 1")) == (False, True)


def test_a_gate_is_timed_by_architecture():
    speed = {"architecture": "SequentialCNN", "p95_ms": 20.0, "ratio": 1.3, "n": 200}
    assert [goal.met for goal in speed_goals([speed])] == [True, False, False, False]


def test_times_of_another_state_of_the_code_say_so():
    speed = {"architecture": "SequentialCNN", "sources": "now"}
    assert list(speed_caveats([speed], "now")) == []
    older = "The times of SequentialCNN are kept from an earlier state of the detector's code."
    assert list(speed_caveats([speed], "later")) == [older]
    assert list(speed_caveats([{"architecture": "SequentialCNN"}], "now")) == [older]
