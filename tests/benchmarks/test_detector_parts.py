"""What was promised and not measured is named, in few words, and no promise is kept without it."""

from benchmarks.detector_goal import Goal
from benchmarks.detector_parts import Part, Parts, level_of, told_parts
from tests.benchmarks.detector_notes import eps_of

FGSM = [Part("fgsm", level) for level in (1, 2)]
BOTH = [*FGSM, Part("cw")]
GOAL = Goal("something", "at least 1", "2", 7, True)


def completed(seen, *, seeds=(0, 1), promised=BOTH):
    return Parts(promised, seeds, seen).complete(GOAL)


def everything(*, seeds=(0, 1), n=5):
    return {(part, seed): n for part in BOTH for seed in seeds}


def test_a_goal_of_which_all_was_measured_is_as_it_was():
    assert completed(everything()) == GOAL


def test_a_seed_that_was_not_run_is_named_and_the_goal_not_met():
    goal = completed(everything(seeds=(0,)), seeds=(0, 1, 2))
    assert (goal.value, goal.met, goal.n) == ("2; not measured: seed 1, 2", False, 7)


def test_a_part_of_one_seed_is_named_with_the_seed_and_of_all_without():
    seen = everything()
    del seen[FGSM[1], 1]
    assert completed(seen).value == "2; not measured: fgsm 2/255 (seed 1)"
    del seen[FGSM[1], 0]
    assert completed(seen).value == "2; not measured: fgsm 2/255"
    del seen[FGSM[0], 0], seen[FGSM[0], 1]
    assert completed(seen).value == "2; not measured: fgsm"


def test_radii_of_one_attack_stand_together():
    promised = [Part("bim", level) for level in (1, 2, 4)]
    assert told_parts(promised, (0,), {(part, 0) for part in promised[:2]}) == ["bim 1, 2/255"]


def test_an_attack_without_one_success_is_named_and_does_no_harm():
    goal = completed(everything() | {(FGSM[0], 0): 0, (FGSM[0], 1): 0, (FGSM[1], 1): 0})
    assert goal.value == "2; no success: fgsm 1/255, fgsm 2/255 (seed 1)"
    assert goal.met
    both = completed(everything(seeds=(0,)) | {(FGSM[0], 0): 0})
    assert (both.value, both.met) == ("2; no success: fgsm 1/255; not measured: seed 1", False)


def test_a_goal_of_which_nothing_was_run_is_not_measured_and_no_more():
    assert completed({}) == Goal(GOAL.what, GOAL.goal, "not measured", 0, False)


def test_a_radius_of_single_precision_is_that_of_the_plan():
    assert [level_of(eps_of(level)) for level in (1, 2, 4, 8, None)] == [1, 2, 4, 8, None]
