import warnings

import numpy as np
import onnxruntime
import pytest
import torch

from pipeline.models.small_cnn import SIDE, SmallCNN, _MeanTo


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


@pytest.mark.parametrize("side", [3, 7, 10, 16])
def test_means_are_those_of_adaptive_pooling(side):
    maps = torch.rand(2, 5, side, side + 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(_MeanTo(SIDE)(maps), torch.nn.functional.adaptive_avg_pool2d(maps, SIDE))


@pytest.mark.parametrize("side", [12, 20, 33])
def test_compiles_at_sizes_whose_maps_have_no_equal_parts(side, tmp_path):
    torch.manual_seed(0)
    network, x = SmallCNN(1, 3).eval(), torch.rand(2, 1, side, side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The exporter warns of its own successor.
        torch.onnx.export(network, (x,), tmp_path / "net.onnx", input_names=["x"], opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x.numpy()})
    np.testing.assert_allclose(found, network(x).detach().numpy(), atol=1e-5)
