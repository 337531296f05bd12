import pytest
import torch

from pipeline.attacks import cw_descent
from pipeline.attacks.attack import Attack
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.cw_steps import first_c
from pipeline.attacks.ddn import DDN
from pipeline.attacks.problem import pose
from tests.pipeline.attacks.models import linear_model, patterns, trained_model


def lengths(attack: Attack, model, x, y) -> torch.Tensor:
    result = attack(model, x, y, seeds=range(len(x)))
    assert result.success.all()
    return (result.x_adv - x).flatten(1).norm(dim=1)


def test_the_first_c_is_that_of_the_least_change_of_a_linear_model() -> None:
    model = linear_model(2)
    x = 0.5 + 0.05 * patterns(6, 2)[0]
    logits = model(x).detach()
    y = logits.argmax(1)
    problem = pose(CarliniWagner(), model, x, y, target=None, eps=None, mask=None, n_seeds=6)
    slope = (model.network.head.weight[0] - model.network.head.weight[1]).norm() / 0.25  # Pixels are divided by std.
    distance = (logits[:, 0] - logits[:, 1]).abs() / slope
    torch.testing.assert_close(first_c(problem, None, 0.0), (2 * distance / slope).detach(), rtol=1e-4, atol=0)
    assert first_c(problem, 0.25, 0.0).tolist() == [0.25] * 6


def test_a_first_c_is_found_where_there_is_no_slope() -> None:
    model = linear_model(3)
    with torch.no_grad():
        model.network.head.weight.zero_()
    x, y = patterns(4, 3)
    problem = pose(CarliniWagner(), model, x, y, target=None, eps=None, mask=None, n_seeds=4)
    assert first_c(problem, None, 0.0).tolist() == [1.0] * 4


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_a_scale_of_the_logits_changes_nothing(scale: float) -> None:
    model, x, _ = trained_model()
    model.eval()
    y = model(x).argmax(1)
    plain = lengths(CarliniWagner(), model, x, y)
    with torch.no_grad():
        last = [module for module in model.network.modules() if isinstance(module, torch.nn.Linear)][-1]
        last.weight.mul_(scale)
        last.bias.mul_(scale)
    torch.testing.assert_close(lengths(CarliniWagner(), model, x, y), plain, rtol=0.02, atol=0)


def test_one_run_ends_as_near_as_nine_for_a_ninth_of_the_gradients() -> None:
    model, x, _ = trained_model()
    model.eval()
    y = model(x).argmax(1)
    usual = CarliniWagner(search_steps=9, c_first=1e-3, warm_start=False)
    quick = CarliniWagner()
    assert quick.n_gradients * 8 < usual.n_gradients
    assert lengths(quick, model, x, y).mean() <= 1.02 * lengths(usual, model, x, y).mean()


@pytest.mark.parametrize(("dark", "bright"), [(0.8, 0.8), (0.4, 0.8), (0.5, 1.0)], ids=["black", "both", "binary"])
def test_pixels_of_exactly_0_and_1_move_as_far_as_by_ddn(dark: float, bright: float) -> None:
    model, x, _ = trained_model(4)
    model.eval()
    drawn = torch.rand(x.shape, generator=torch.Generator().manual_seed(0))
    x = torch.where(drawn < dark, 0.0, torch.where(drawn < bright, 1.0, x))
    y = model(x).argmax(1)
    assert lengths(CarliniWagner(), model, x, y).mean() <= 1.02 * lengths(DDN(), model, x, y).mean()


def test_c_falls_after_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, _ = trained_model()
    model.eval()
    y = model(x).argmax(1)
    problem = pose(CarliniWagner(), model, x, y, target=None, eps=None, mask=None, n_seeds=len(x))
    far = CarliniWagner(c_first=100 * float(first_c(problem, None, 0.0).median()))
    falling = lengths(far, model, x, y).mean()
    monkeypatch.setattr(cw_descent, "RATE_FIRST", 0.0)
    monkeypatch.setattr(cw_descent, "RATE_LAST", 0.0)
    assert falling < 0.96 * lengths(far, model, x, y).mean()


def test_the_first_c_counts_free_pixels_alone() -> None:
    model = linear_model(2)
    x = 0.5 + 0.05 * patterns(2, 2)[0]
    y = model(x).argmax(1)
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:4] = True
    some, whole = (
        pose(CarliniWagner(), model, x, y, target=None, eps=None, mask=given, n_seeds=2) for given in (mask, None)
    )
    assert (first_c(some, None, 0.0) > first_c(whole, None, 0.0)).all()


def test_a_run_too_short_gives_the_last_iterate_and_the_reason() -> None:
    model = linear_model(3)
    x = 0.15 + patterns(6, 3)[0]
    y = model(x).argmax(1)
    result = CarliniWagner(steps=2, lr=1e-4)(model, x, y, seeds=range(6))
    assert not result.success.any()
    assert all(result.reason)
    assert ((result.x_adv - x).flatten(1).norm(dim=1) > 0).all()
    assert result.steps.tolist() == [2] * 6


def test_stays_in_the_ball_that_it_is_given() -> None:
    model, x, _ = trained_model()
    model.eval()
    y = model(x).argmax(1)
    free = lengths(CarliniWagner(), model, x, y)
    bound = float(free.median())
    result = CarliniWagner(eps=bound)(model, x, y, seeds=range(len(x)))
    assert ((result.x_adv - x).flatten(1).norm(dim=1) <= bound * (1 + 1e-5)).all()
    assert 0 < result.success.sum() < len(x)
