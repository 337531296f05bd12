import pytest
import torch

from pipeline.attacks.registry import ATTACKS, create
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
    params = {"n_queries": 50} if name == "square" else {}
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


def test_an_unknown_precision_is_refused() -> None:
    model, x, y = trained_model()
    with pytest.raises(BadAttack, match="precision 'fp8'; give one of fp32, bf16"):
        create("fgsm")(model, x, y, seeds=range(len(x)), precision="fp8")
