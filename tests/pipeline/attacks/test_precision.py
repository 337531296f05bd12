import pytest
import torch

from pipeline.attacks.attack import no_tick
from pipeline.attacks.problem import guided, pose
from pipeline.attacks.registry import ATTACKS, create
from pipeline.attacks.run import attack_levels
from pipeline.errors import BadAttack
from pipeline.models.precision import lowered
from tests.pipeline.attacks.models import trained_model


def test_the_twin_sees_nearly_the_same_and_leaves_the_model_as_it_was() -> None:
    model, x, _ = trained_model()
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    logits = model(x)
    seen = lowered(model)(x)
    assert seen.dtype == torch.float32
    assert 0 < (seen - logits).abs().max() < 0.05 * logits.abs().max()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.dtype == before[name].dtype


@pytest.mark.parametrize("name", ["fgsm", "bim", "pgd", "mim", "pgd_l2"])
@pytest.mark.parametrize("stop", [False, True])
def test_bf16_fools_as_many_and_is_judged_in_single_precision(name: str, stop: bool) -> None:
    model, x, y = trained_model()
    model.eval()
    params = {"stop_on_success": True} if stop and name != "fgsm" else {}
    exact = create(name, params)(model, x, y, seeds=range(len(x)))
    quick = create(name, params)(model, x, y, seeds=range(len(x)), precision="bf16")
    assert torch.equal(quick.success, model(quick.x_adv).argmax(1) != y)
    assert not torch.equal(quick.x_adv, exact.x_adv)
    assert quick.success.sum() >= exact.success.sum() - 1
    if name != "pgd_l2":
        assert (quick.x_adv - x).abs().max() <= 8 / 255 + 1e-7


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "universal"])
def test_no_attack_claims_a_success_that_is_none(name: str) -> None:
    model, x, y = trained_model()
    model.eval()
    params = {"n_queries": 50} if name.startswith("square") else {}
    result = create(name, params)(model, x, y, seeds=range(len(x)), precision="bf16")
    assert torch.equal(result.success, model(result.x_adv).argmax(1) != y)


def test_an_image_rests_on_the_models_own_word() -> None:
    model, x, y = trained_model()
    model.eval()
    attack = create("bim", {"stop_on_success": True, "steps": 40, "alpha": 0.0005, "eps": 0.2})
    result = attack(model, x, y, seeds=range(len(x)), precision="bf16")
    rested = result.steps < 40
    assert rested.any()
    assert result.success[rested].all()


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "universal"])
def test_an_attack_takes_bf16_where_a_guide_changes_its_way(name: str) -> None:
    model, x, y = trained_model()
    attack = create(name, {"n_queries": 50} if name.startswith("square") else {})
    with model.frozen():
        exact = pose(attack, model, x, y, target=None, eps=None, mask=None, n_seeds=len(x))
        found = [attack.solve(one, range(len(x)), no_tick).x_adv for one in (exact, guided(exact, "bf16"))]
    changed = not torch.equal(*found)
    assert changed == attack.TAKES_BF16
    assert attack.gradients_in("bf16") == ("bf16" if attack.TAKES_BF16 else "fp32")
    assert attack.gradients_in("fp32") == "fp32"


@pytest.mark.parametrize("name", ["pgd", "cw"])
def test_a_file_is_judged_in_single_precision(name: str) -> None:
    model, x, _ = trained_model()
    levels = (x * 255).round().byte().permute(0, 2, 3, 1).numpy()
    with model.frozen(), torch.no_grad():
        y = model(torch.from_numpy(levels).permute(0, 3, 1, 2) / 255).argmax(1).numpy()
    exact, quick = (attack_levels(model, create(name), levels, 8, y, precision=one) for one in ("fp32", "bf16"))
    with model.frozen(), torch.no_grad():
        seen = model(torch.from_numpy(quick.levels).permute(0, 3, 1, 2) / 255).argmax(1).numpy()
    assert (quick.success == (seen != y)).all()
    assert quick.success.sum() >= exact.success.sum() - 1
    assert (quick.levels == exact.levels).all() == (name == "cw")


@pytest.mark.parametrize("name", ["fgsm", "cw"])
@pytest.mark.parametrize("precision", ["fp8", "", None])
def test_an_unknown_precision_is_refused(name: str, precision: str) -> None:
    model, x, y = trained_model()
    with pytest.raises(BadAttack, match=f"precision {precision!r}; give one of fp32, bf16"):
        create(name)(model, x, y, seeds=range(len(x)), precision=precision)
    levels = torch.zeros((1, *x.shape[2:], x.shape[1]), dtype=torch.uint8).numpy()
    with pytest.raises(BadAttack, match=f"precision {precision!r}; give one of fp32, bf16"):
        attack_levels(model, create(name), levels, 8, y[:1].numpy(), precision=precision)
