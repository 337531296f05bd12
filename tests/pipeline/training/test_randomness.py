import pytest
import torch

from pipeline.training.randomness import epoch_randomness

_CPU = torch.device("cpu")


def _draws(seed, epoch):
    with epoch_randomness(seed, epoch, _CPU) as generator:
        return torch.rand(3, generator=generator).tolist(), torch.rand(3).tolist()


def test_the_same_epoch_draws_the_same_and_others_differ():
    assert _draws(0, 1) == _draws(0, 1)
    assert len({str(_draws(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_the_global_generator_is_as_before_also_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), epoch_randomness(0, 0, _CPU):
        torch.rand(-5)
    assert torch.equal(torch.get_rng_state(), before)
