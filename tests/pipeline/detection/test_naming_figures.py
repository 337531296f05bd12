from types import SimpleNamespace

import numpy as np
import pytest

from detector.types import FAMILIES, TYPES
from pipeline.detection.naming_figures import NOT_NAMED, called, macro_f1, naming_figures, naming_words

SURE_OF = {name: np.eye(len(TYPES))[k] for k, name in enumerate(TYPES)}
TORN = (SURE_OF["bim"] + SURE_OF["pgd"]) / 2


def cell(attack, *probs, eps=4 / 255, region="image"):
    scores = SimpleNamespace(type_probs=np.array(probs))
    return SimpleNamespace(
        attack=attack, eps=eps, region=region, success=np.ones(len(probs), dtype=bool), scores=scores
    )


def all_right():
    return [cell(name, SURE_OF[name], eps=0.0 if name == "cw" else 4 / 255) for name in TYPES[1:]]


def test_only_what_succeeded_is_called_anything():
    found = cell("pgd", SURE_OF["pgd"], SURE_OF["none"], SURE_OF["bim"])
    found.success[2] = False
    assert called(found) == ["pgd", "unknown"]


def test_names_that_are_always_right_have_figures_of_one():
    figures = naming_figures(all_right())
    assert (figures.n, figures.type_f1, figures.family_f1) == (5, 1.0, 1.0)
    assert (figures.unknown.value, figures.one.value, figures.right.value) == (0, 1, 1)


def test_weak_attacks_and_those_inside_the_head_do_not_count():
    more = [cell("pgd", SURE_OF["cw"], eps=1 / 255), cell("pgd", SURE_OF["cw"], region="head")]
    assert naming_figures([*all_right(), *more]) == naming_figures(all_right())


def test_types_said_together_are_right_and_no_single_type():
    figures = naming_figures([*all_right(), cell("bim", TORN), cell("mim", TORN)])
    assert figures.one.value == pytest.approx(5 / 7)
    assert figures.one_right.value == 1
    assert figures.right.value == pytest.approx(6 / 7)


def test_an_attack_called_unknown_is_missed():
    figures = naming_figures([*all_right(), cell("cw", SURE_OF["none"], eps=0.0)])
    assert figures.unknown.value == pytest.approx(1 / 6)
    assert figures.right.value == 1
    assert figures.type_f1 == pytest.approx((4 + 2 / 3) / 5)


def test_attacks_without_a_name_stand_apart():
    figures = naming_figures([*all_right(), cell("deepfool", SURE_OF["none"], SURE_OF["cw"], eps=0.0)])
    assert (figures.n, figures.n_strange, figures.strange_unknown.value) == (5, 2, 0.5)
    assert "Of 2 attacks that have no name 50.0%" in naming_words(figures)


def test_f1_is_the_textbook_one_and_none_without_an_attack_of_a_class():
    counts = {name: {name: 10} for name in TYPES[1:]}
    counts["bim"] = {"pgd": 10}
    assert macro_f1(counts, {name: (name,) for name in TYPES[1:]}) == pytest.approx((3 + 0 + 2 * 10 / 30) / 5)
    assert macro_f1(counts, FAMILIES) == 1
    assert macro_f1({**counts, "cw": {}}, FAMILIES) is None


def test_words_say_when_there_was_nothing_to_name():
    assert naming_figures([]) == NOT_NAMED
    assert "No attack that has a name" in naming_words(NOT_NAMED)
    strange = naming_words(naming_figures([cell("deepfool", SURE_OF["none"], eps=0.0)]))
    assert "No attack that has a name" in strange
    assert "Of 1 attacks that have no name 100.0%" in strange
