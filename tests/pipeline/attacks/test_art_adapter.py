"""The adapter to the toolbox; where the toolbox is not installed, all but the last tests are skipped and say so."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from datasets.duplicates import pixels_sha256
from pipeline.attacks.budget import Norm
from pipeline.attacks.fgsm import FGSM
from pipeline.attacks.registry import ATTACKS, attack_type, create
from pipeline.attacks.run import attack_levels
from pipeline.attacks.seeding import params_json, seed_for
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, trained_model

try:
    import art.attacks.evasion  # noqa: F401  # Whether it is there, is the question.

    MISSING = False
except ImportError:
    MISSING = True
toolbox = pytest.mark.skipif(
    MISSING, reason="the Adversarial Robustness Toolbox is not installed: requirements-art.txt"
)

QUICK = {
    "FastGradientMethod": {"eps": 16 / 255},
    "ProjectedGradientDescent": {"eps": 16 / 255, "max_iter": 5, "num_random_init": 1},
    "SaliencyMapMethod": {"theta": 0.2},
    "ElasticNet": {"max_iter": 10, "binary_search_steps": 2, "initial_const": 1.0},
    "SpatialTransformation": {
        **{"max_translation": 30.0, "num_translations": 3},
        **{"max_rotation": 30.0, "num_rotations": 3},
    },
    "HopSkipJump": {"max_iter": 2, "max_eval": 50, "init_eval": 10},
    "NewtonFool": {"max_iter": 20, "eta": 0.5},
    "SquareAttack": {"eps": 32 / 255, "max_iter": 30},
}


@pytest.fixture(scope="module")
def trained() -> tuple[PixelModel, np.ndarray, np.ndarray]:
    model, x, y = trained_model()
    with model.frozen():
        right = model(x).argmax(1) == y
    levels = (x[right] * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return model, levels[:4], y[right].numpy()[:4]


@toolbox
@pytest.mark.parametrize("name", QUICK)
def test_fools_on_the_file_within_its_bounds(name: str, trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    attack = create(f"art:{name}", QUICK[name])
    found = attack_levels(model, attack, levels, 8, y)
    assert found.success.sum() >= 2
    if attack.BOUNDED:
        assert attack.NORM is Norm.LINF
        assert (found.linf <= QUICK[name]["eps"] + 1e-6).all()
    assert attack_type(attack.NAME) == "art"
    assert create(attack.NAME, attack.params()) == attack


@toolbox
def test_its_fgsm_is_ours_bit_for_bit(trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    theirs = attack_levels(model, create("art:FastGradientMethod", {"eps": 8 / 255}), levels, 8, y)
    np.testing.assert_array_equal(theirs.levels, attack_levels(model, FGSM(eps=8 / 255), levels, 8, y).levels)
    assert theirs.steps.tolist() == [1, 1, 1, 1]


@toolbox
@pytest.mark.parametrize("name", QUICK)
def test_results_hang_on_image_and_seed_alone(name: str, trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    attack = create(f"art:{name}", QUICK[name])
    numpy_state, state, python_state = np.random.get_state()[1].copy(), torch.get_rng_state(), random.getstate()
    first = attack_levels(model, attack, levels, 8, y)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == python_state
    np.random.seed(5)
    turned = attack_levels(model, attack, levels[::-1].copy(), 8, y[::-1].copy(), batch_size=1)
    np.testing.assert_array_equal(turned.levels[::-1], first.levels)


@toolbox
@pytest.mark.parametrize("name", ["FastGradientMethod", "HopSkipJump"])
def test_leaves_everything_as_it_was_when_the_model_raises(name: str) -> None:
    model, x, y = trained_model()
    model(x).sum().backward()
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    flags = [(module.training, [p.requires_grad for p in module.parameters()]) for module in model.modules()]
    numpy_state, state = np.random.get_state()[1].copy(), torch.get_rng_state()
    model.network.head.register_forward_pre_hook(_raise)
    with pytest.raises(RuntimeError, match="broken on purpose"):
        create(f"art:{name}", QUICK[name])(model, x[:2], y[:2], seeds=range(2))
    assert [(module.training, [p.requires_grad for p in module.parameters()]) for module in model.modules()] == flags
    assert all((p.grad is None) == (g is None) for p, g in zip(model.parameters(), grads, strict=True))
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(torch.get_rng_state(), state)


@toolbox
@pytest.mark.parametrize("name", QUICK)
def test_changes_no_bit_outside_the_mask(name: str, trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    mask = np.zeros((8, 8), dtype=bool)
    mask[1:7, 1:7] = True
    found = attack_levels(model, create(f"art:{name}", QUICK[name]), levels, 8, y, mask=mask)
    changed = (found.levels != levels).any(axis=(0, 3))
    assert changed.any()
    assert not changed[~mask].any()
    np.testing.assert_array_equal(found.success, found.pred_after != y)


@toolbox
@pytest.mark.parametrize("name", ["SaliencyMapMethod", "HopSkipJump", "DeepFool"])
def test_a_file_holds_what_the_toolbox_found_and_no_more_than_rounded(
    name: str, trained: tuple[PixelModel, np.ndarray, np.ndarray]
) -> None:
    model, levels, y = trained
    attack = create(f"art:{name}", QUICK.get(name, {}))
    x = torch.from_numpy(levels / np.float32(255)).permute(0, 3, 1, 2)
    hashes = [pixels_sha256(one, 8) for one in levels]
    seeds = [seed_for(one, attack.NAME, params_json(attack.params()), 0) for one in hashes]
    plain = attack(model, x, torch.from_numpy(y), seeds=seeds)
    found = attack_levels(model, attack, levels, 8, y, pixels_sha256=hashes)
    rounded = (plain.x_adv * 255).round().byte().permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(found.levels, rounded)
    assert found.success.any()


@toolbox
@pytest.mark.parametrize("name", ["FastGradientMethod", "SaliencyMapMethod", "ElasticNet"])
def test_reaches_a_target(name: str) -> None:
    model = linear_model(4)
    levels = np.random.default_rng(0).integers(112, 144, (4, 8, 8, 1)).astype(np.uint8)
    y = model(torch.from_numpy(levels / np.float32(255)).permute(0, 3, 1, 2)).argmax(1).numpy()
    params = {"FastGradientMethod": {"eps": 0.4}, "SaliencyMapMethod": {"theta": 0.5}}
    attack = create(
        f"art:{name}",
        params.get(name, {"max_iter": 15, "binary_search_steps": 2, "initial_const": 10.0, "learning_rate": 0.1}),
    )
    found = attack_levels(model, attack, levels, 8, y, target=(y + 1) % 4)
    assert found.success.all()
    np.testing.assert_array_equal(found.pred_after, (y + 1) % 4)


@toolbox
def test_takes_a_radius_for_each_image_and_scales_the_step(
    trained: tuple[PixelModel, np.ndarray, np.ndarray],
) -> None:
    model, levels, y = trained
    eps = np.array([0, 1, 4, 16]) / 255
    attack = create("art:ProjectedGradientDescent", {"max_iter": 4})
    found = attack_levels(model, attack, levels, 8, y, eps=eps)
    np.testing.assert_allclose(found.linf, eps, atol=1e-7)
    assert create("art:FastGradientMethod", {"norm": 2, "eps": 1.0}).NORM is Norm.L2


@toolbox
@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("Fabulous", {}, "the toolbox has no attack 'Fabulous'; take one of "),
        ("EvasionAttack", {}, "the toolbox has no attack 'EvasionAttack'"),
        ("DPatch", {}, "art:DPatch attacks no classifier of pixels"),
        ("UniversalPerturbation", {}, "needs many images at once; take the attack universal"),
        ("DecisionTreeAttack", {}, "attacks no classifier of pixels"),
        ("ElasticNet", {"steps": 5}, "art:ElasticNet has no parameter steps to set; it has beta, "),
        ("ElasticNet", {"targeted": True}, "has no parameter targeted to set"),
        ("ElasticNet", {"max_iter": -5}, "art:ElasticNet: The number of iterations must be"),
        ("FastGradientMethod", {"eps": 3.0}, r"eps 3.0; a linf radius lies within \[0, 1\]"),
        ("FastGradientMethod", {"norm": 1}, "with norm 1: no such bound can be held on a file; give 2 or inf"),
        ("FastGradientMethod", {"eps_step": float("nan")}, "give numbers, text, true or false"),
    ],
)
def test_refuses_with_the_allowed_value(name: str, params: dict[str, object], message: str) -> None:
    with pytest.raises(BadAttack, match=message):
        create(f"art:{name}", params)


@toolbox
def test_refuses_a_target_that_it_cannot_aim_at(trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    attack = create("art:SpatialTransformation", QUICK["SpatialTransformation"])
    with pytest.raises(BadAttack, match="art:SpatialTransformation cannot aim at a class"):
        attack_levels(model, attack, levels, 8, y, target=(y + 1) % 3)


def test_says_how_to_install_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.attacks.art_adapter import toolbox_class

    toolbox_class.cache_clear()
    monkeypatch.setitem(sys.modules, "art.attacks", None)
    with pytest.raises(BadAttack, match=r"needs the Adversarial Robustness Toolbox .*pip install -r requirements-art"):
        create("art:ElasticNet")
    toolbox_class.cache_clear()


def test_is_no_part_of_the_fixed_list_and_not_loaded_before_it_is_named() -> None:
    assert not any(name.startswith("art:") for name in ATTACKS)
    code = "import sys, pipeline.attacks.art_adapter as a; sys.exit('torch' in sys.modules or 'art' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _raise(*_: object) -> None:
    raise RuntimeError("broken on purpose")
