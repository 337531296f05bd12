import torch
from scipy import stats

from pipeline.attacks.seeding import ball, params_json, seed_for, uniform


def test_a_seed_depends_on_every_part_and_on_nothing_else() -> None:
    parts = ("a" * 64, "pgd", '{"eps": 0.1}', 7)
    assert seed_for(*parts) == seed_for(*parts)
    others = [("b" * 64, *parts[1:]), (parts[0], "bim", *parts[2:]), (*parts[:2], "{}", 7), (*parts[:3], 8)]
    seeds = {seed_for(*parts), *(seed_for(*other) for other in others)}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_params_have_one_spelling() -> None:
    assert params_json({"b": 1, "a": None}) == params_json({"a": None, "b": 1})


def test_an_image_draws_the_same_in_any_batch() -> None:
    x, seeds = torch.zeros(48, 1, 8, 8), list(range(48))
    free = torch.ones_like(x, dtype=torch.bool)
    for draw in (uniform, lambda x, seeds: ball(x, seeds, free[: len(x)])):
        whole = draw(x, seeds)
        for size in (1, 7):
            parts = [draw(x[i : i + size], seeds[i : i + size]) for i in range(0, 48, size)]
            assert torch.equal(torch.cat(parts), whole)
        assert torch.equal(draw(x, seeds[::-1]), whole.flip(0))


def test_linf_starts_are_uniform() -> None:
    drawn = uniform(torch.zeros(40, 1, 16, 16), range(40)).flatten().numpy()
    assert stats.kstest(drawn, "uniform").pvalue > 0.01


def test_l2_starts_are_uniform_by_volume_in_the_free_pixels() -> None:
    x = torch.zeros(1500, 1, 3, 3)
    free = torch.zeros_like(x, dtype=torch.bool)
    free[:, :, :2, :2] = True
    points = ball(x, range(1500), free)
    assert (points[~free] == 0).all()
    volume = points.double().flatten(1).norm(dim=1).pow(4)
    assert stats.kstest(volume.numpy(), "uniform").pvalue > 0.01
    means = points[:, 0, :2, :2].flatten(1).mean(0)
    assert means.abs().max() < 0.05
