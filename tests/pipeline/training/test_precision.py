import pytest
import torch

from pipeline.errors import BadTraining
from pipeline.training.precision import chosen_device, reduced_type


def test_auto_is_a_device_of_this_machine():
    assert chosen_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:99"])
def test_refuses_a_device_that_is_not_here(name):
    with pytest.raises(BadTraining, match="give"):
        chosen_device(name)


def test_a_cpu_shortens_to_bfloat16_or_not_at_all():
    assert reduced_type(torch.device("cpu"), 224) in (torch.bfloat16, None)


def test_a_cpu_does_not_shorten_where_maps_shrink_to_one_pixel():
    assert reduced_type(torch.device("cpu"), 32) is None
