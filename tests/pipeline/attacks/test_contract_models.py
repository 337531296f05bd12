"""What every registered attack promises on models and images of all kinds, odd ones too."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.attacks.budget import Norm
from pipeline.attacks.registry import ATTACKS, create
from pipeline.attacks.result import MASKED, NOT_FOOLED
from pipeline.attacks.run import attack_levels
from tests.pipeline.attacks.contract import attack_of, meant_for, to_levels, trained_on_right
from tests.pipeline.attacks.models import linear_model, patterns

pytestmark = pytest.mark.parametrize("name", list(ATTACKS))


def test_fools_a_head_of_log_probabilities_as_often(name: str) -> None:
    model, x, y = trained_on_right()
    attack = attack_of(name)
    other = copy.deepcopy(model)
    other.network.head = nn.Sequential(other.network.head, nn.LogSoftmax(dim=1))
    plain, log = (attack(each, x, y, seeds=range(len(x))).success for each in (model, other))
    assert plain.any()
    # All logits are negative there, and rounded elsewhere: one image may lie on the edge.
    assert abs(int(plain.sum()) - int(log.sum())) <= 1


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


@pytest.mark.parametrize("gap", [50, 70, 85, 100, 120])
def test_is_not_stopped_by_a_slope_too_faint_to_square(name: str, gap: float) -> None:
    # Between these leads of the best class the cross entropy has a slope, whose length is 0 in single precision.
    x = 0.5 + 0.01 * patterns(3, 3)[0]
    best = linear_model(3)(x).topk(2).values
    for image, lead in zip(x.split(1), (best[:, 0] - best[:, 1]).tolist(), strict=True):
        model = linear_model(3, scale=gap / lead)
        y = model(image).argmax(1)
        eps = torch.full((1,), 4.0 if ATTACKS[name].NORM is Norm.L2 else 0.4)
        assert attack_of(name, model, image, eps=0.4)(model, image, y, eps=eps, seeds=[1]).success.all()


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
