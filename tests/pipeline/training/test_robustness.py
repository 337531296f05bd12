import numpy as np
import pytest
import torch
from torch import nn

from pipeline.training.robustness import N_JUDGED, RobustSlice
from pipeline.training.samples import Samples
from tests.pipeline.training.linear import model_of, slope

EPS = 0.02


@pytest.fixture
def linear():
    return model_of()


def samples(n):
    """Grey enough that the box is nowhere near."""
    rng = np.random.default_rng(0)
    return Samples(rng.integers(20_000, 45_000, (n, 1, 8, 8), dtype=np.uint16), torch.arange(n) % 2)


def judge(model, val, **other):
    return RobustSlice(model, val, **{"eps": EPS, "seed": 0, "reduced": None, **other})


def test_an_image_resists_where_the_whole_ball_is_on_the_right_side(linear):
    val = samples(90)
    x, y = val.batch(torch.arange(90), torch.device("cpu"))
    logits = linear(x).detach()
    lead = logits.gather(1, y[:, None]).squeeze(1) - logits.gather(1, 1 - y[:, None]).squeeze(1)
    resists = lead > EPS * slope(linear, y).abs().sum((1, 2, 3))
    assert 0 < resists.sum() < (lead > 0).sum()
    assert judge(linear, val).accuracy(N_JUDGED, lambda: None) == pytest.approx(resists.float().mean().item())


class Cliff(nn.Module):
    """Black images as -1, all others as 1: an answer without a slope."""

    def forward(self, x):
        return torch.where(x.amax((1, 2, 3), keepdim=True) > 0, 1.0, -1.0).expand_as(x)


def test_an_image_that_is_wrong_as_it_is_counts_as_wrong_wherever_the_attack_begins():
    model = model_of(Cliff())
    with torch.no_grad():
        model.network[-1].weight.copy_(torch.stack([torch.ones(64), -torch.ones(64)]))
    black = Samples(np.zeros((6, 1, 8, 8), dtype=np.uint16), torch.tensor([0, 0, 0, 0, 1, 1]))
    assert judge(model, black).accuracy(N_JUDGED, lambda: None) == 0


def test_the_same_images_and_starts_every_time(linear):
    found = [judge(linear, samples(300)).accuracy(n, lambda: None) for n in (20, 20, 64, 64)]
    assert found[0] == found[1]
    assert found[2] == found[3]


def test_no_more_images_than_there_are_or_than_is_worth_the_time(linear):
    assert (len(judge(linear, samples(7))), len(judge(linear, samples(300)))) == (7, N_JUDGED)


def test_the_seed_says_which(linear):
    assert torch.equal(judge(linear, samples(300))._rows, judge(linear, samples(300))._rows)
    assert not torch.equal(judge(linear, samples(300))._rows, judge(linear, samples(300), seed=1)._rows)


def test_chance_is_the_share_of_the_most_frequent_class(linear):
    val = Samples(samples(10).fractions, torch.tensor([1] * 7 + [0] * 3))
    assert judge(linear, val).chance(64) == 0.7


def test_a_tick_may_cancel_it(linear):
    def tick():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(linear, samples(10)).accuracy(10, tick)
