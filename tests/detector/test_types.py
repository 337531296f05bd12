import pytest

from detector.types import FAMILIES, TYPES, attack_probabilities, family_probabilities, type_index


def test_every_attack_type_stands_in_exactly_one_family():
    assert sorted(name for members in FAMILIES.values() for name in members) == sorted(TYPES[1:])


def test_a_family_is_the_sum_of_its_types_given_an_attack():
    types = attack_probabilities([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert sum(types.values()) == pytest.approx(1)
    assert family_probabilities(types)["iterative sign"] == pytest.approx(0.6)


def test_a_head_sure_of_none_leaves_all_types_equal():
    assert set(attack_probabilities([1.0, 0, 0, 0, 0, 0]).values()) == {0.2}


def test_variants_share_a_type_and_strangers_have_none():
    assert type_index("pgd_l2") == type_index("pgd") == TYPES.index("pgd")
    assert type_index("deepfool") is None
