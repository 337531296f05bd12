import math

import pytest
import torch

from detector.errors import NotEnoughSamples
from detector.neighbours import Neighbours, local_dimension, neighbour_profile
from tests.detector.examples import generator, stage_examples


def test_the_profile_is_the_logarithms_of_known_distances():
    bank = torch.tensor([[8.0, 0.0], [0.0, 1.0], [-2.0, 0.0], [0.0, -4.0]])
    expected = torch.tensor([[-math.log(4), -math.log(2), math.log(4)]])
    profile = neighbour_profile(torch.zeros(1, 2), bank, 3)
    torch.testing.assert_close(profile, expected)
    # The mean of the two ratios alone: the distance to the last neighbour is none of them.
    torch.testing.assert_close(local_dimension(profile), torch.tensor([1 / (1.5 * math.log(2))]))


@pytest.mark.parametrize("dimension", [1, 2, 5, 10])
def test_the_dimension_is_that_of_the_space_that_points_fill(dimension):
    # Distances of points spread evenly in a ball are the d-th roots of even ranks.
    k = 2000
    bank = torch.zeros(k, 12)
    bank[:, 0] = (torch.arange(1, k + 1) / k) ** (1 / dimension)
    found = local_dimension(neighbour_profile(torch.zeros(1, 12), bank, k))
    assert found.item() == pytest.approx(dimension, rel=0.01)


def test_scaling_all_features_moves_the_distance_and_not_the_ratios():
    g = generator()
    features, bank = torch.randn(4, 6, generator=g), torch.randn(30, 6, generator=g)
    small, large = neighbour_profile(features, bank, 8), neighbour_profile(10 * features, 10 * bank, 8)
    torch.testing.assert_close(large[:, :-1], small[:, :-1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(large[:, -1], small[:, -1] + math.log(10))


def test_copies_of_a_scan_in_the_bank_give_numbers():
    profile = neighbour_profile(torch.ones(1, 3), torch.ones(5, 3), 4)
    assert profile.isfinite().all()
    assert local_dimension(profile).isfinite().all()


def test_what_lies_apart_from_clean_scans_is_suspicious():
    method = Neighbours(k=8)
    examples = stage_examples()
    method.fit(examples)
    score = method.suspicion(examples.measured)
    assert score[examples.is_adv].median() > score[~examples.is_adv].max()
    assert len(method.judge.fusion.weights) == 16


def test_fewer_clean_scans_than_neighbours_are_refused():
    with pytest.raises(NotEnoughSamples, match="48 clean images outside a fold; expected at least the 50 neighbours"):
        Neighbours(k=50).fit(stage_examples())
