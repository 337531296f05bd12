import pytest

from webapp.decisions import attack_words

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
