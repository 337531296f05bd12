import pytest
import torch

from pipeline.models.small_cnn import SmallCNN


@pytest.mark.parametrize("side", [12, 16, 28, 30, 65])
def test_takes_any_size_from_12(side):
    with torch.no_grad():
        assert SmallCNN(3, 4).eval()(torch.rand(2, 3, side, side + 3)).shape == (2, 4)


def test_tells_a_mark_in_one_corner_from_the_same_in_another():
    torch.manual_seed(0)
    network = SmallCNN(1, 2).eval()
    one, other = torch.zeros(2, 1, 1, 28, 28)
    one[..., :2, :2] = 1
    other[..., -2:, -2:] = 1
    with torch.no_grad():
        assert (network(one) - network(other)).abs().max() > 1e-4
