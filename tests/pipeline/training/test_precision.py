import torch

from pipeline.training.precision import reduced_type


def test_a_cpu_shortens_to_bfloat16_or_not_at_all():
    assert reduced_type(torch.device("cpu"), 224) in (torch.bfloat16, None)


def test_a_cpu_does_not_shorten_where_maps_shrink_to_one_pixel():
    assert reduced_type(torch.device("cpu"), 32) is None
