import json

import numpy as np
import pytest
import torch

from pipeline.attacks.registry import create
from pipeline.attacks.run import attack_levels
from pipeline.attacks.universal import UNFITTED, Universal, as_text, from_text
from pipeline.attacks.universal_fit import UniversalFit, fit_universal
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, trained_model

EPS = 16 / 255


def images() -> tuple[PixelModel, np.ndarray, np.ndarray]:
    model, x, y = trained_model()
    return model.eval(), (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy(), y.numpy()


def fit(model: PixelModel, levels: np.ndarray, y: np.ndarray, **changes: object) -> UniversalFit:
    return fit_universal(model, levels, 8, y, **{"eps": EPS, "steps": 40, "seed": 0, **changes})


def one_class(y: np.ndarray) -> np.ndarray:
    return np.flatnonzero(y == 0)


def test_one_perturbation_fools_images_that_it_never_saw() -> None:
    model, levels, y = images()
    seen, unseen = slice(0, 30), slice(30, 48)
    found = fit(model, levels[seen], y[seen])
    result = attack_levels(model, found.attack, levels[unseen], 8, y[unseen])
    attacked = result.status != "clean_wrong"
    rng = np.random.default_rng(0)
    noise = Universal(eps=EPS, delta=as_text(rng.choice([-16, 16], levels[0].shape).astype(np.int16), 8))
    random = attack_levels(model, noise, levels[unseen], 8, y[unseen])
    assert result.success.sum() >= 0.5 * attacked.sum()
    assert result.success.sum() >= random.success.sum() + 0.3 * attacked.sum()


def test_is_whole_levels_and_the_same_for_all() -> None:
    model, levels, y = images()
    attack = fit(model, levels, y).attack
    delta, bits = from_text(attack.delta)
    assert (delta.shape, bits) == ((8, 8, 1), 8)
    assert np.abs(delta).max() == 16
    found = attack_levels(model, attack, levels, 8, y)
    attacked = found.status != "clean_wrong"
    np.testing.assert_array_equal(
        found.levels[attacked], (levels[attacked].astype(int) + delta).clip(0, 255).astype(np.uint8)
    )


def test_counts_what_the_rounded_perturbation_fools() -> None:
    model, levels, y = images()
    found = fit(model, levels, y, eps=5.5 / 255)
    result = attack_levels(model, found.attack, levels, 8, y)
    assert np.abs(from_text(found.attack.delta)[0]).max() == 5
    assert found.n_images == (result.status != "clean_wrong").sum()
    assert found.n_fooled == result.success.sum()


def test_goes_to_the_far_corner_on_a_linear_model() -> None:
    model = linear_model(2)
    levels = np.random.default_rng(0).integers(100, 150, (12, 8, 8, 1)).astype(np.uint8)
    y = model(torch.from_numpy(levels / np.float32(255)).permute(0, 3, 1, 2)).argmax(1).numpy()
    chosen = one_class(np.where(y == np.bincount(y).argmax(), 0, 1))
    delta, _ = from_text(fit(model, levels[chosen], y[chosen], steps=80).attack.delta)
    away = model.network.head.weight[1 - y[chosen[0]]] - model.network.head.weight[y[chosen[0]]]
    np.testing.assert_array_equal(delta.ravel(), 16 * torch.sign(away).detach().numpy())


def test_order_does_not_matter_and_the_seed_does() -> None:
    model, levels, y = images()
    order = np.random.default_rng(0).permutation(len(y))
    first = fit(model, levels, y).attack
    assert fit(model, levels[order], y[order]).attack == first
    assert fit(model, levels, y, seed=1).attack != first


def test_reaches_a_target() -> None:
    model, levels, y = images()
    attack = fit(model, levels, y, target=np.full(len(y), 1), eps=40 / 255).attack
    others = y != 1
    found = attack_levels(model, attack, levels[others], 8, y[others], target=np.ones(others.sum(), dtype=np.int64))
    assert found.success.sum() > 0.7 * (found.status != "clean_wrong").sum()


def test_is_fitted_inside_a_mask_only() -> None:
    model, levels, y = images()
    mask = np.zeros((8, 8), dtype=bool)
    mask[2:6, 2:6] = True
    delta, _ = from_text(fit(model, levels, y, mask=mask).attack.delta)
    assert not delta[~mask].any()
    assert delta[mask].all()
    each = np.broadcast_to(mask, (len(y), 8, 8)).copy()
    np.testing.assert_array_equal(from_text(fit(model, levels, y, mask=each).attack.delta)[0], delta)


def test_tells_each_step_and_leaves_the_global_random_state_alone() -> None:
    model, levels, y = images()
    told: list[tuple[int, int]] = []
    state = torch.get_rng_state()
    fit(model, levels, y, steps=5, progress=lambda done, n, _: told.append((done, n)))
    assert told == [(k, 5) for k in range(6)]
    assert torch.equal(torch.get_rng_state(), state)


def test_is_carried_by_json_and_serves_other_depths() -> None:
    model, levels, y = images()
    attack = fit(model, levels, y).attack
    again = create("universal", json.loads(json.dumps(attack.params())))
    assert again == attack
    deep = attack_levels(model, again, levels.astype(np.uint16) * 257, 16, y)
    np.testing.assert_array_equal(deep.levels, attack_levels(model, again, levels, 8, y).levels.astype(np.uint16) * 257)


def test_refuses_before_it_is_fitted_and_another_shape() -> None:
    model, levels, y = images()
    with pytest.raises(BadAttack, match="fit one with fit_universal") as refused:
        attack_levels(model, Universal(), levels, 8, y)
    assert str(refused.value) == UNFITTED
    attack = fit(model, levels, y).attack
    with pytest.raises(BadAttack, match="images of 8x7x1 levels, a perturbation of 8x8x1; fit one on images of this"):
        attack_levels(model, attack, levels[:, :, :7], 8, model_says(model, levels[:, :, :7]))


def model_says(model: PixelModel, levels: np.ndarray) -> np.ndarray:
    return model(torch.from_numpy(levels / np.float32(255)).permute(0, 3, 1, 2)).argmax(1).numpy()


GOOD = as_text(np.ones((4, 4, 1), dtype=np.int16), 8)


@pytest.mark.parametrize(
    ("delta", "message"),
    [
        (5, "delta of type int; give the text"),
        ("nonsense", "delta 'nonsense' is no perturbation"),
        (GOOD.replace("4x4", "4x5"), "delta is not 4x5x1 levels"),
        (GOOD.replace("4x4", "2x4"), "delta is not 2x4x1 levels"),
        (GOOD[:-8], "give the whole text"),
        (GOOD.replace("4x4", "99999x99999"), "delta of 99999x99999x1 levels of 8 bits"),
        (GOOD.replace("4x4", "0x4"), "delta of 0x4x1 levels"),
        (GOOD.replace("@8", "@40"), "levels of 40 bits"),
        ("4x4x1@8:AAAA", "cannot be unpacked"),
    ],
)
def test_refuses_a_text_that_is_no_perturbation(delta: object, message: str) -> None:
    with pytest.raises(BadAttack, match=message):
        create("universal", {"delta": delta})


def test_refuses_to_fit_on_nothing() -> None:
    model, levels, y = images()
    with pytest.raises(BadAttack, match="none is classified right"):
        fit(model, levels, (model_says(model, levels) + 1) % 3)
    with pytest.raises(BadAttack, match="and 3 classes; give"):
        fit(model, levels, y[:3])
