import pytest
import torch

from pipeline.errors import BadDevice
from pipeline.models.device import chosen_device
from pipeline.models.files import load_model
from tests.pipeline.adversarial.artefacts import small_classifier


def test_auto_is_a_device_of_this_machine():
    assert chosen_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:99"])
def test_refuses_a_device_that_is_not_here(name, tmp_path):
    with pytest.raises(BadDevice, match="give"):
        chosen_device(name)
    with pytest.raises(BadDevice, match="give"):
        load_model(small_classifier(tmp_path), name)
