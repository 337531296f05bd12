"""The images that are learned from, on models whose steepest way is known beforehand."""

import pytest
import torch
from torch import nn

from pipeline.training.hardening import attacked
from pipeline.training.hardening_settings import HardeningSettings
from tests.pipeline.training.linear import model_of, slope

EPS = 0.1
FAST = HardeningSettings(method="fast")
PGD = HardeningSettings(method="pgd")


@pytest.fixture
def linear():
    return model_of()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(6, 1, 8, 8, generator=generator), torch.tensor([0, 1, 0, 1, 0, 1])


def generator():
    return torch.Generator().manual_seed(2)


def test_pgd_reaches_the_far_corner_of_the_ball_on_a_linear_model(linear, batch):
    x, y = batch
    found = attacked(linear, x, y, PGD, eps=EPS, generator=generator())
    torch.testing.assert_close(found, (x + EPS * slope(linear, y).sign()).clamp(0, 1))


def test_fast_takes_one_step_of_five_quarters_from_its_start(linear, batch):
    x, y = batch
    found = attacked(linear, x, y, FAST, eps=EPS, generator=generator())
    start = (x + EPS * (2 * torch.rand(x.shape, generator=generator()) - 1)).clamp(0, 1)
    expected = start + 1.25 * EPS * slope(linear, y).sign()
    torch.testing.assert_close(found, expected.clamp(x - EPS, x + EPS).clamp(0, 1))


@pytest.mark.parametrize("how", [FAST, PGD], ids=["fast", "pgd"])
def test_stays_in_ball_and_box(how, batch):
    x, y = batch
    x[:, :, 0], x[:, :, 1] = 0, 1
    found = attacked(model_of(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU()), x, y, how, eps=EPS, generator=generator())
    assert found.min() >= 0
    assert found.max() <= 1
    assert 0 < (found - x).abs().max() <= EPS + 1e-6


def test_the_rest_of_the_batch_stays_clean(linear, batch):
    x, y = batch
    how = HardeningSettings(method="fast", share=0.5)
    changed = (attacked(linear, x, y, how, eps=EPS, generator=generator()) != x).flatten(1).any(1)
    assert changed.tolist() == [True] * 3 + [False] * 3


def test_at_least_one_image_is_attacked(linear, batch):
    x, y = batch
    how = HardeningSettings(method="fast", share=0.01)
    changed = (attacked(linear, x, y, how, eps=EPS, generator=generator()) != x).flatten(1).any(1)
    assert changed.sum() == 1


def test_without_a_radius_nothing_is_changed_or_drawn(linear, batch):
    x, y = batch
    source = generator()
    assert attacked(linear, x, y, PGD, eps=0.0, generator=source) is x
    assert torch.equal(source.get_state(), generator().get_state())


def test_the_model_is_as_before(batch):
    x, y = batch
    model = model_of(nn.BatchNorm2d(1), nn.Dropout(0.5)).train()
    model.network[0].eval()
    model.network[-1].weight.grad = torch.ones(2, 64)
    before, state = {key: value.clone() for key, value in model.state_dict().items()}, torch.get_rng_state()
    attacked(model, x, y, PGD, eps=EPS, generator=generator())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.network] == [False, True, True, True]
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(model.network[-1].weight.grad, torch.ones(2, 64))
    assert model.network[-1].bias.grad is None


def test_an_image_is_attacked_alike_whatever_its_neighbours(batch):
    x, y = batch
    model = model_of(nn.BatchNorm2d(1)).train()
    others = torch.cat([x[:1], x[1:] * 0.5])
    alone, beside = (attacked(model, each, y, PGD, eps=EPS, generator=generator())[0] for each in (x, others))
    torch.testing.assert_close(alone, beside)


def test_half_the_bits_lead_to_the_same_corner_on_a_linear_model(linear, batch):
    x, y = batch
    found = attacked(linear, x, y, PGD, eps=EPS, generator=generator(), reduced=torch.bfloat16)
    torch.testing.assert_close(found, (x + EPS * slope(linear, y).sign()).clamp(0, 1))


@pytest.mark.parametrize("how", [FAST, PGD], ids=["fast", "pgd"])
def test_no_more_passes_than_gradients(how, linear, batch):
    x, y = batch
    seen = []
    linear.network.register_forward_hook(lambda *told: seen.append(1))
    attacked(linear, x, y, how, eps=EPS, generator=generator())
    assert len(seen) == how.n_gradients
