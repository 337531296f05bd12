import pytest
import torch

from pipeline.attacks.ascent import Momentum, l2_unit
from pipeline.attacks.budget import LOSSES
from pipeline.attacks.registry import create
from pipeline.errors import BadAttack
from tests.pipeline.attacks.models import linear_model, patterns


def test_momentum_forgets_no_image_that_had_no_slope_once() -> None:
    x, rows = torch.zeros(2, 1, 8, 8), torch.arange(2)
    momentum = Momentum(x, 1.0)
    flat = torch.zeros_like(x)
    assert torch.equal(momentum(flat, rows), flat)
    steep = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(momentum(steep, rows), steep.sign())


def test_momentum_weighs_gradients_by_direction_and_not_by_length() -> None:
    rows = torch.arange(1)
    gradient = torch.tensor([1.0, -2.0, 1.0]).view(1, 1, 1, 3)
    for length in (1e-6, 1.0, 1e6):
        momentum = Momentum(torch.zeros(1, 1, 1, 3), 1.0)
        momentum(torch.tensor([-4.0, 1.0, 1.0]).view(1, 1, 1, 3), rows)
        # -4/6 + 1/4, 1/6 - 2/4, 1/6 + 1/4, whatever the second gradient's length.
        assert momentum(length * gradient, rows).flatten().tolist() == [-1.0, -1.0, 1.0]


def test_an_l2_step_has_length_one_or_none() -> None:
    gradient = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    gradient[1] = 0
    lengths = l2_unit(gradient, torch.arange(3)).flatten(1).norm(dim=1)
    torch.testing.assert_close(lengths, torch.tensor([1.0, 0.0, 1.0]))


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("name", ["fgsm", "fgm_l2", "bim", "pgd", "pgd_l2", "mim"])
def test_every_loss_can_be_climbed(name: str, loss: str) -> None:
    model = linear_model(4, seed=4)
    x = 0.5 + 0.01 * patterns(8, 4)[0]
    y = model(x).argmax(1)
    eps = torch.full((8,), 4.0 if name.endswith("l2") else 0.4)
    # The targeted DLR lifts the target above the true class alone; a third one may stay above both.
    for target in (None,) if loss == "dlr" else (None, (y + 1) % 4):
        assert create(name, {"loss": loss})(model, x, y, target=target, eps=eps, seeds=range(8)).success.all()


def test_too_few_classes_for_a_loss_are_refused() -> None:
    x, y = patterns(4, 2)
    with pytest.raises(BadAttack, match="loss dlr needs 3 classes, there are 2; take ce"):
        create("bim", {"loss": "dlr"})(linear_model(2), x, y, seeds=range(4))
    with pytest.raises(BadAttack, match="loss dlr needs 4 classes for a target, there are 3"):
        create("bim", {"loss": "dlr"})(linear_model(3), x, y, target=(y + 1) % 3, seeds=range(4))
    with pytest.raises(BadAttack, match="loss 'hinge'; give one of ce, margin, dlr"):
        create("fgsm", {"loss": "hinge"})
