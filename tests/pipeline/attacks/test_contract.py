"""What every registered attack promises; a new attack is held to it by being registered."""

import copy
import dataclasses
import random
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.attacks.attack import Attack
from pipeline.attacks.budget import Norm
from pipeline.attacks.lattice import to_lattice
from pipeline.attacks.projections import l2_norm
from pipeline.attacks.registry import ATTACKS, create
from pipeline.attacks.result import MASKED, NOT_FOOLED
from pipeline.attacks.run import attack_levels
from pipeline.attacks.universal import Universal
from pipeline.attacks.universal_fit import fit_universal
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, trained_model

pytestmark = pytest.mark.parametrize("name", list(ATTACKS))

RADIUS = {Norm.LINF: 16 / 255, Norm.L2: 1.5}
# Enough for models of 64 pixels, where the attack's own number would only take time.
FEWER = {name: {"steps": 40} for name in ("apgd", "apgd_l2", "apgd_t")}
FEWER |= {name: {"n_queries": 500} for name in ("square", "square_l2")}


def attack_of(name: str, model: PixelModel | None = None, x: Tensor | None = None, **goal: object) -> Attack:
    """The attack at a radius that fools the small models, the unbounded one without a radius.

    One that is fitted beforehand is fitted to the given model and images, or to the trained model and its images.
    """
    attack = ATTACKS[name]
    if attack is Universal:
        return universal() if model is None or x is None else universal_on(model, x, **goal)
    return create(name, FEWER.get(name, {}) | ({"eps": RADIUS[attack.NORM]} if attack.BOUNDED else {}))


@lru_cache(maxsize=1)
def universal() -> Attack:
    model, x, _ = trained_model()
    return universal_on(model, x)


def universal_on(
    model: PixelModel, x: Tensor, *, eps: float = RADIUS[Norm.LINF], target: Tensor | None = None
) -> Attack:
    # Of 16 bits, since rounding to 8 gives some of these images another class.
    levels = (x * 65535).round().to(torch.int32).permute(0, 2, 3, 1).numpy().astype(np.uint16)
    with model.frozen():
        y = model(x).argmax(1).numpy()
    goal = None if target is None else target.numpy()
    return fit_universal(model, levels, 16, y, eps=eps, steps=40, seed=0, target=goal).attack


def meant_for(name: str, y: Tensor) -> Tensor:
    """Which images an attack can fool all at once: one perturbation moves all classes of a linear model alike."""
    return y == y.mode().values if ATTACKS[name] is Universal else torch.ones_like(y, dtype=torch.bool)


def radii(name: str, n: int) -> Tensor:
    return torch.linspace(0, RADIUS[ATTACKS[name].NORM], n)


@pytest.fixture(scope="module")
def trained() -> tuple[PixelModel, Tensor, Tensor]:
    model, x, y = trained_model()
    model.eval()
    right = model(x).argmax(1) == y
    return model, x[right][:12], y[right][:12]


def size(name: str, delta: Tensor) -> Tensor:
    return delta.flatten(1).abs().amax(1) if ATTACKS[name].NORM is Norm.LINF else l2_norm(delta)


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


def test_fools_a_head_of_log_probabilities_as_often(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    attack = attack_of(name)
    other = copy.deepcopy(model)
    other.network.head = nn.Sequential(other.network.head, nn.LogSoftmax(dim=1))
    plain, log = (attack(each, x, y, seeds=range(len(x))).success for each in (model, other))
    assert plain.any()
    # All logits are negative there, and rounded elsewhere: one image may lie on the edge.
    assert abs(int(plain.sum()) - int(log.sum())) <= 1


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


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("targeted", [True, False])
def test_reaches_its_goal_with_few_classes(name: str, n_classes: int, targeted: bool) -> None:
    model = linear_model(n_classes, seed=n_classes)
    x = 0.5 + 0.01 * patterns(10, n_classes)[0]
    chosen = meant_for(name, model(x).argmax(1))
    x, y = x[chosen], model(x).argmax(1)[chosen]
    target = (y + 1) % n_classes
    radius = torch.full(y.shape, {Norm.LINF: 0.4, Norm.L2: 4.0}[ATTACKS[name].NORM])
    eps, goal = radius if ATTACKS[name].BOUNDED else None, target if targeted else None
    result = attack_of(name, model, x, eps=0.4, target=goal)(model, x, y, target=goal, eps=eps, seeds=range(len(y)))
    preds = model(result.x_adv).argmax(1)
    assert result.success.all()
    assert torch.equal(preds, target) if targeted else (preds != y).all()


@pytest.mark.parametrize(("channels", "shape"), [(3, (8, 8)), (1, (20, 12)), (3, (11, 17))])
def test_works_on_colour_and_on_any_size(name: str, channels: int, shape: tuple[int, int]) -> None:
    model = linear_model(3, seed=5)
    rng = np.random.default_rng(1)
    levels = rng.integers(100, 150, (4, *shape, channels), dtype=np.uint8)
    x = torch.from_numpy(levels / np.float32(255)).permute(0, 3, 1, 2)
    y = model(x).argmax(1)
    chosen = meant_for(name, y)
    x, y, levels = x[chosen], y[chosen].numpy(), levels[chosen.numpy()]
    params = attack_of(name, model, x, eps=0.3).params()
    attack = create(name, params | {"eps": {Norm.LINF: 0.3, Norm.L2: 20.0}[ATTACKS[name].NORM]})
    found = attack_levels(model, attack, levels, 8, y)
    assert found.levels.shape == levels.shape
    assert found.levels.dtype == np.uint8
    assert found.success.all()


def test_fools_one_logit_with_a_sigmoid(name: str) -> None:
    model = linear_model(2, head="sigmoid")
    x = 0.5 + 0.01 * patterns(6, 2)[0]
    y = model(x).argmax(1)
    eps = torch.full((6,), 2.0) if ATTACKS[name].NORM is Norm.L2 else torch.full((6,), 0.3)
    assert attack_of(name, model, x, eps=0.3)(model, x, y, eps=eps, seeds=range(6)).success.all()


@pytest.mark.parametrize("shift", [0.0, -100.0])
def test_is_not_stopped_by_a_very_sure_model(name: str, shift: float) -> None:
    x = 0.5 + 0.01 * patterns(6, 3)[0]
    for scale in (1.0, 1e5):
        model = linear_model(3, scale=scale, shift=shift)
        y = model(x).argmax(1)
        eps = torch.full((6,), 4.0 if ATTACKS[name].NORM is Norm.L2 else 0.4)
        assert attack_of(name, model, x, eps=0.4)(model, x, y, eps=eps, seeds=range(6)).success.all()


def test_says_when_there_is_no_gradient(name: str) -> None:
    model = linear_model(3)
    with torch.no_grad():
        model.network.head.weight.zero_()
        model.network.head.bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    x, _ = patterns(4, 3)
    result = attack_of(name)(model, x, torch.zeros(4, dtype=torch.int64), seeds=range(4))
    assert not result.success.any()
    # Who asks for no gradient meets no mask, and has simply failed.
    assert set(result.reason) == {NOT_FOOLED if ATTACKS[name].GRADIENT_FREE else MASKED}
    assert result.x_adv.isfinite().all()


def test_reports_a_failure_with_its_last_iterate(name: str, trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    eps = torch.full((len(x),), 1e-3)
    result = attack_of(name)(model, x, y, eps=eps, seeds=range(len(x)))
    assert not result.success.any()
    assert all(why.startswith("not fooled") for why in result.reason)
    assert (size(name, result.x_adv - x) > 0).all()
    assert (result.x_adv - x).abs().max() <= 1e-3 + 1e-7


def test_never_takes_nan_for_a_success(name: str) -> None:
    model = linear_model(3)
    with torch.no_grad():
        model.network.head.bias.fill_(torch.nan)
    x, y = patterns(4, 3)
    result = attack_of(name)(model, x, y, seeds=range(4))
    assert not result.success.any()
    assert result.x_adv.isfinite().all()
    found = attack_levels(model, attack_of(name), to_levels(x), 8, y.numpy())
    assert found.status.tolist() == ["clean_wrong"] * 4


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


def to_levels(x: Tensor) -> np.ndarray:
    return (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def _raise(*_: object) -> None:
    raise RuntimeError("broken on purpose")
