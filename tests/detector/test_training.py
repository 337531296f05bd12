import pytest
import torch

from detector.errors import NotEnoughSamples
from detector.training import Batch, ResidualTrainer


def batch(seed=0, *, nan=False):
    g = torch.Generator().manual_seed(seed)
    smooth = torch.rand(6, 1, 1, 1, generator=g).expand(6, 1, 24, 24).clone()
    is_adv = torch.arange(6) < 3
    smooth[is_adv] += (torch.randint(0, 2, (3, 1, 24, 24), generator=g) * 2 - 1) * 4 / 255
    if nan:
        smooth[0] = float("nan")
    return Batch(smooth, is_adv)


def test_it_learns_to_tell_noise_from_flat_grey():
    trainer = ResidualTrainer(1, total_steps=40, lr=1e-2, ema_decay=0.9)
    losses = [trainer.step(batch(k)) for k in range(40)]
    assert losses[-1] < losses[0]
    fresh = batch(99)
    logit = trainer.average(fresh.pixels).logit
    assert logit[fresh.is_adv].min() > logit[~fresh.is_adv].max()


def test_going_on_from_a_state_gives_the_same_weights():
    whole, first, second = (ResidualTrainer(1, total_steps=6, seed=3) for _ in range(3))
    for k in range(6):
        whole.step(batch(k))
    for k in range(3):
        first.step(batch(k))
    second.restore(first.state())
    for k in range(3, 6):
        second.step(batch(k))
    for ours, theirs in zip(whole.average.state_dict().values(), second.average.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    ResidualTrainer(1, total_steps=2, seed=5).step(batch())
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_loss_that_is_no_number_stops_the_training():
    trainer = ResidualTrainer(1, total_steps=2)
    with pytest.raises(NotEnoughSamples, match="the loss of step 0 is nan"):
        trainer.step(batch(nan=True))
