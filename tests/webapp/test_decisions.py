import pytest

from webapp.decisions import attack_words, suspicion

OLD = {"family": "iterative sign", "family_probability": 0.9, "type": "pgd", "probabilities": {}}


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ({"family": "iterative sign", "type": "pgd", "types": ["pgd"]}, "PGD"),
        ({"family": "iterative sign", "type": "bim or pgd", "types": ["bim", "pgd"]}, "BIM or PGD"),
        (
            {"family": "iterative sign", "type": "unknown", "types": ["mim", "bim", "pgd"]},
            "an attack of the family “iterative sign”",
        ),
        ({"family": "unknown", "type": "unknown", "types": []}, "an attack of no known kind"),
        ({**OLD, "type_probability": 0.6}, "PGD"),
        ({**OLD, "type_probability": 0.4}, "an attack of the family “iterative sign”"),
    ],
)
def test_an_attack_is_told_in_the_words_that_it_was_named_with(attack, words):
    assert attack_words(attack) == words


@pytest.mark.parametrize(
    ("p_value", "strip", "words"),
    [
        (0.01, None, "Suspected manipulation: looks like PGD"),
        (0.01, {"fired": False, "guess": None}, "Suspected manipulation: looks like PGD"),
        (0.01, {"fired": True, "guess": "trigger"}, "Suspected manipulation: looks like PGD, and like a trigger"),
        (0.02, {"fired": True, "guess": "trigger"}, "Suspected trigger"),
        (0.9, {"fired": True, "guess": "trigger"}, "Suspected trigger"),
    ],
)
def test_a_held_scan_is_suspected_of_what_held_it(p_value, strip, words):
    attack = {"family": "iterative sign", "type": "pgd", "types": ["pgd"]}
    told = {"p_value": p_value, "alpha": 0.01, "attack": attack, "strip": strip}
    assert suspicion(told) == words
