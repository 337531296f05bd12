import pytest
import torch

from pipeline.models.sequential_cnn import MeanAndMaximum, Residual, SequentialCNN


@pytest.mark.parametrize("side", [16, 17, 28, 65])
def test_takes_any_size_from_16(side):
    network = SequentialCNN(3, 4).eval()
    with torch.no_grad():
        assert network(torch.rand(1, 3, side, side + 3)).shape == (1, 4)


def test_pools_mean_and_maximum():
    x = torch.tensor([[[[0.0, 1.0], [2.0, 5.0]]]])
    assert MeanAndMaximum()(x).tolist() == [[2.0, 5.0]]


def test_a_residual_of_nothing_passes_its_input_on():
    block = Residual(2).eval()
    with torch.no_grad():
        block.branch[0].weight.zero_()
    x = torch.rand(1, 2, 5, 5)
    torch.testing.assert_close(block(x), x)
