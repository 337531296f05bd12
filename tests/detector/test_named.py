import pytest

from detector.named import SURE, name_attack
from detector.types import TYPES


def probs(**given):
    return [given.get(name, 0.0) for name in TYPES]


@pytest.mark.parametrize(
    ("given", "family", "kind", "types"),
    [
        ({"none": 0.1, "pgd": 0.8, "bim": 0.1}, "iterative sign", "pgd", ("pgd",)),
        ({"pgd": 0.45, "bim": 0.4, "mim": 0.15}, "iterative sign", "pgd or bim", ("pgd", "bim")),
        ({"pgd": 0.4, "bim": 0.3, "mim": 0.3}, "iterative sign", "unknown", ("pgd", "bim", "mim")),
        ({"cw": 0.9, "fgsm": 0.1}, "optimised", "cw", ("cw",)),
        (
            {"fgsm": 0.5, "mim": 0.4, "cw": 0.1},
            "single-step or iterative sign",
            "unknown",
            ("fgsm", "mim", "pgd", "bim"),
        ),
        ({"fgsm": 0.4, "mim": 0.3, "cw": 0.3}, "unknown", "unknown", ()),
        ({"none": 0.6, "pgd": 0.4}, "unknown", "unknown", ()),
    ],
)
def test_what_cannot_be_told_apart_is_said_together(given, family, kind, types):
    named = name_attack(probs(**given))
    assert (named.family, named.type) == (family, kind)
    assert set(named.types) == set(types)
    assert named.types[:1] == types[:1]
    assert not named.types or named.probability >= SURE - 1e-9


def test_none_counts_only_where_it_outweighs_all_attacks_together():
    assert name_attack(probs(none=0.49, cw=0.51)).types == ("cw",)
    assert name_attack(probs(none=0.51, cw=0.49)).types == ()


def test_a_head_sure_of_none_names_nothing():
    assert name_attack(probs(none=1.0)).type == "unknown"
