import pytest
import torch
from torch import Tensor, nn

from pipeline.attacks.ensemble_checks import signs
from pipeline.attacks.registry import ATTACKS, create
from pipeline.attacks.result import MASKED
from pipeline.attacks.slopes import slope_of
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import patterns, spec_of


class CutGraph(nn.Module):
    """A classifier whose answers hang on the pixels, but by no slope."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x.detach().flatten(1))
        return logits


def cut_model() -> PixelModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PixelModel(spec_of(3), CutGraph())


def test_the_slope_of_a_sum() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert torch.equal(slope_of(x.square().sum(1), x), 2 * x.detach())


def test_values_that_hang_on_nothing_have_no_slope() -> None:
    x, other = torch.ones(2, 3, requires_grad=True), torch.ones(2, requires_grad=True)
    assert not slope_of(x.detach().sum(1), x).any()
    assert not slope_of(other * 2, x).any()


@pytest.mark.parametrize("name", ["fgsm", "pgd", "mim", "pgd_l2", "cw", "deepfool", "ddn", "apgd"])
def test_a_model_that_cuts_its_graph_is_masked(name: str) -> None:
    model = cut_model()
    x, _ = patterns(4, 3)
    y = model(x).argmax(1)
    result = create(name, {"eps": 1e-4} if ATTACKS[name].BOUNDED else {})(model, x, y, seeds=range(4))
    assert not result.success.any()
    assert set(result.reason) == {MASKED}


def test_the_ensemble_warns_of_a_model_that_cuts_its_graph() -> None:
    model = cut_model()
    x, _ = patterns(4, 3)
    with model.frozen():
        found = signs(model, x, model(x).argmax(1))
    assert found.n_zero_gradient == 4
