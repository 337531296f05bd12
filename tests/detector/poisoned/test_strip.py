import math

import pytest
import torch
from torch import Tensor

from detector.errors import FeatureMismatch, NotEnoughSamples, NotFinite
from detector.poisoned.strip import Strip, choose_overlays
from detector.poisoned.strip_rule import StripRule

CORNER = slice(6, 8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n, seed=0):
    """Dark corners, something brighter elsewhere."""
    x = torch.rand(n, 1, 8, 8, generator=generator(seed))
    x[:, :, CORNER, CORNER] = 0
    return x


def triggered(x):
    x = x.clone()
    x[:, :, CORNER, CORNER] = 1
    return x


def linear(x: Tensor) -> Tensor:
    """Classes by which of four quarters is the brightest, and class 0 whenever the corner is white."""
    quarters = torch.nn.functional.avg_pool2d(x, 4).flatten(1) * 8
    corner = x[:, :, CORNER, CORNER].mean((1, 2, 3))
    return quarters + 40 * corner[:, None] * torch.eye(4)[0]


def test_equal_logits_have_the_entropy_of_the_uniform_distribution():
    strip = Strip(lambda x: torch.zeros(len(x), 8), images(5))
    torch.testing.assert_close(strip.entropy(images(3)), torch.full((3,), math.log2(8)))


def test_firm_predictions_have_none():
    strip = Strip(lambda x: torch.eye(4)[torch.zeros(len(x), dtype=torch.int64)] * 1e4, images(5))
    torch.testing.assert_close(strip.entropy(images(3)), torch.zeros(3))


def test_overlays_are_added_and_cut_at_white():
    seen = []

    def look(x):
        seen.append(x)
        return torch.zeros(len(x), 2)

    x, overlays = images(2), images(3, seed=1)
    Strip(look, overlays, weight=0.5).entropy(x)
    expected = torch.stack([(one + 0.5 * over).clamp(0, 1) for one in x for over in overlays])
    torch.testing.assert_close(torch.cat(seen), expected)


def test_a_planted_trigger_survives_the_overlays_and_clean_images_do_not():
    strip = Strip(linear, choose_overlays(images(60, seed=1), 20, seed=0))

    def seen(x):
        return strip.entropy(x).numpy(), linear(x).argmax(1).numpy()

    rule = StripRule.fit(*seen(images(400, seed=2)), 4)
    tau, x = rule.threshold(0.01), images(300, seed=3)
    assert (rule.score(*seen(triggered(x))) > tau).mean() >= 0.95
    assert (rule.score(*seen(x)) > tau).mean() <= 0.03


def test_a_score_is_the_same_in_any_company():
    x, overlays = images(7), images(5, seed=1)
    together = Strip(linear, overlays).entropy(x)
    alone = torch.cat([Strip(linear, overlays, batch=3).entropy(one[None]) for one in x])
    torch.testing.assert_close(alone, together)


def test_no_input_has_no_score():
    assert Strip(linear, images(5)).entropy(images(0)).shape == (0,)


def test_overlays_hang_on_the_seed_alone():
    pool = images(30)
    before = torch.get_rng_state()
    first, again, other = (choose_overlays(pool, 10, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first.flatten(1).unique(dim=0)) == 10
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("m", [0, 31])
def test_as_many_overlays_as_there_are_images(m):
    with pytest.raises(NotEnoughSamples, match=f"{m} overlays of 30 clean images; expected 1 to 30"):
        choose_overlays(images(30), m, seed=0)


def test_overlays_that_are_none_are_refused():
    with pytest.raises(NotEnoughSamples, match="0 overlays"):
        Strip(linear, images(0))
    with pytest.raises(FeatureMismatch, match=r"overlays \(8, 8\); expected \(m, C, H, W\)"):
        Strip(linear, torch.zeros(8, 8))


@pytest.mark.parametrize("weight", [0.0, -1.0, 1.5, math.nan])
def test_a_weight_out_of_range_is_refused(weight):
    with pytest.raises(FeatureMismatch, match=r"weight .* expected above 0, at most 1"):
        Strip(linear, images(3), weight=weight)


def test_images_of_another_size_are_refused():
    with pytest.raises(FeatureMismatch, match=r"images \(1, 4, 4\), overlays \(1, 8, 8\)"):
        Strip(linear, images(3)).entropy(torch.zeros(2, 1, 4, 4))


def test_a_classifier_without_an_answer_is_refused():
    with pytest.raises(NotFinite, match="NaN or infinity for blended images"):
        Strip(lambda x: torch.full((len(x), 2), math.nan), images(3)).entropy(images(2))
