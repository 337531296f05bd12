"""What every registered attack promises; a new attack is held to it by being registered."""

import dataclasses
import random

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.attacks.budget import Norm
from pipeline.attacks.lattice import to_lattice
from pipeline.attacks.registry import ATTACKS, create
from pipeline.attacks.run import attack_levels
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.contract import attack_of, radii, size, to_levels, trained_on_right
from tests.pipeline.attacks.models import trained_model

pytestmark = pytest.mark.parametrize("name", list(ATTACKS))


@pytest.fixture(scope="module")
def trained() -> tuple[PixelModel, Tensor, Tensor]:
    return trained_on_right()


def test_fools_a_trained_model(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    result = attack_of(name)(model, x, y, seeds=range(len(x)))
    assert result.success.float().mean() > 0.6
    assert torch.equal(result.success, model(result.x_adv).argmax(1) != y)
    assert all((why == "") == ok for why, ok in zip(result.reason, result.success.tolist(), strict=True))


def test_stays_in_ball_and_box_before_and_after_rounding(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    eps = radii(name, len(x))
    result = attack_of(name)(model, x, y, eps=eps, seeds=range(len(x)))
    assert (size(name, result.x_adv - x) <= eps * (1 + 1e-6) + 1e-7).all()
    assert result.x_adv.min() >= 0
    assert result.x_adv.max() <= 1
    levels = to_lattice(result.x_adv, x, eps=eps, levels_max=255, norm=ATTACKS[name].NORM)
    assert (size(name, levels / 255 - x) <= eps * (1 + 2e-6) + 1e-7).all()
    assert levels.min() >= 0
    assert levels.max() <= 255


def test_gives_the_image_back_bit_for_bit_at_eps_0(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    result = attack_of(name)(model, x, y, eps=torch.zeros(len(x)), seeds=range(len(x)))
    assert torch.equal(result.x_adv, x)
    assert not result.success.any()


def test_does_not_depend_on_the_batch(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    x8, y8 = to_levels(x), y.numpy()
    whole = attack_levels(model, attack_of(name), x8, 8, y8)
    single = attack_levels(model, attack_of(name), x8, 8, y8, batch_size=1)
    order = np.random.default_rng(0).permutation(len(x8))
    shuffled = attack_levels(model, attack_of(name), x8[order], 8, y8[order], batch_size=7)
    np.testing.assert_array_equal(whole.levels, single.levels)
    np.testing.assert_array_equal(whole.levels[order], shuffled.levels)


def test_goes_on_where_it_was_stopped(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    x8, y8 = to_levels(x), y.numpy()
    attack = attack_of(name)
    whole = attack_levels(model, attack, x8, 8, y8, seed=5)
    rest = attack_levels(model, attack, x8[5:], 8, y8[5:], seed=5)
    np.testing.assert_array_equal(whole.levels[5:], rest.levels)
    assert whole.reason[5:].tolist() == rest.reason.tolist()


def test_holds_its_budget_on_16_bits(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    levels = (x.double() * 65535).round().int().permute(0, 2, 3, 1).numpy().astype(np.uint16)
    eps = radii(name, len(x))
    found = attack_levels(model, attack_of(name), levels, 16, y.numpy(), eps=eps.numpy())
    size_of = found.linf if ATTACKS[name].NORM is Norm.LINF else found.l2
    assert (size_of <= eps.numpy() * (1 + 2e-6) + 1e-7).all()
    np.testing.assert_array_equal(found.levels[0], levels[0])
    assert found.success.any()
    assert found.levels.dtype == np.uint16
    # Of 16 bits the steps are finer than those of 8: the file is no 8-bit image in disguise.
    assert (found.levels % 257 != 0).any()


@pytest.mark.parametrize("broken", [False, True])
def test_leaves_model_and_global_random_state_alone(name: str, broken: bool) -> None:
    model, x, y = trained_model()
    model(x).sum().backward()
    if broken:
        model.network.head.register_forward_pre_hook(_raise)
    flags = [module.training for module in model.modules()]
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    wanted = [p.requires_grad for p in model.parameters()]
    buffers = {key: value.clone() for key, value in model.state_dict().items()}
    state, numpys, pythons = torch.get_rng_state(), np.random.get_state(), random.getstate()
    if broken:
        with pytest.raises(RuntimeError, match="broken on purpose"):
            attack_of(name)(model, x, y, seeds=range(len(x)))
    else:
        attack_of(name)(model, x, y, seeds=range(len(x)))
    assert [module.training for module in model.modules()] == flags
    assert [p.requires_grad for p in model.parameters()] == wanted
    assert torch.equal(torch.get_rng_state(), state)
    assert all(np.array_equal(now, then) for now, then in zip(np.random.get_state(), numpys, strict=True))
    assert random.getstate() == pythons
    assert all(torch.equal(value, buffers[key]) for key, value in model.state_dict().items())
    for p, grad in zip(model.parameters(), grads, strict=True):
        assert (p.grad is None) == (grad is None)
        assert grad is None or torch.equal(p.grad, grad)


@pytest.mark.parametrize("shared", [True, False])
def test_changes_no_bit_outside_the_mask(name: str, shared: bool, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    mask = torch.zeros(8, 8, dtype=torch.bool) if shared else torch.zeros(len(x), 1, 8, 8, dtype=torch.bool)
    mask[..., 2:7, 1:6] = True
    result = attack_of(name)(model, x, y, mask=mask, seeds=range(len(x)))
    outside = ~mask.expand_as(x)
    assert torch.equal(result.x_adv[outside], x[outside])
    assert not torch.equal(result.x_adv, x)


def test_an_image_without_a_free_pixel_is_told_as_that(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    mask = torch.ones(len(x), 1, 8, 8, dtype=torch.bool)
    mask[0] = False
    result = attack_of(name)(model, x, y, mask=mask, seeds=range(len(x)))
    assert torch.equal(result.x_adv[0], x[0])
    assert result.reason[0] == "no pixel may change"
    assert "no pixel may change" not in result.reason[1:]


def test_takes_labels_of_any_whole_type(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    small = attack_of(name)(model, x, y.int(), target=(y.int() + 1) % 3, seeds=range(len(x)))
    assert torch.equal(small.x_adv, attack_of(name)(model, x, y, target=(y + 1) % 3, seeds=range(len(x))).x_adv)


def test_refuses_pixels_of_another_precision(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    with pytest.raises(BadAttack, match=r"images of torch\.float64; the model takes torch\.float32"):
        attack_of(name)(model, x.double(), y, seeds=range(len(x)))


def test_reports_a_failure_with_its_last_iterate(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    eps = torch.full((len(x),), 1e-3)
    result = attack_of(name)(model, x, y, eps=eps, seeds=range(len(x)))
    assert not result.success.any()
    assert all(why.startswith("not fooled") for why in result.reason)
    assert (size(name, result.x_adv - x) > 0).all()
    assert (result.x_adv - x).abs().max() <= 1e-3 + 1e-7


def test_tells_each_step_and_can_be_stopped(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attack_of(name)(model, x, y, seeds=range(len(x)), tick=stop)


@pytest.mark.parametrize("eps", [-0.1, float("nan"), float("inf"), "8/255", True, 1e6])
def test_refuses_an_impossible_radius(name: str, eps: object) -> None:
    with pytest.raises(BadAttack, match=r"lies within \[0, .*such as"):
        create(name, {"eps": eps})


def test_has_parameters_that_survive_json(name: str) -> None:
    attack = create(name)
    assert create(name, attack.params()) == attack
    assert ATTACKS[name] is type(attack)
    assert dataclasses.is_dataclass(attack)


def _raise(*_: object) -> None:
    raise RuntimeError("broken on purpose")
