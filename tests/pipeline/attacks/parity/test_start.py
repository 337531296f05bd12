"""Row 13: where PGD begins, and that it begins there again."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from pipeline.attacks.pgd import PGD, PGDL2
from pipeline.attacks.run import attack_levels
from tests.pipeline.attacks.models import linear_model
from tests.pipeline.attacks.parity.classifier import Bench
from tests.pipeline.attacks.parity.conftest import Record

DRAWS, SIDE = 10_000, 8
PIXELS = SIDE * SIDE


def starts(attack: PGD | PGDL2) -> Tensor:
    """The first point (DRAWS, PIXELS) that the attack shows the model, less the grey image in its middle."""
    model = linear_model(2, size=(SIDE, SIDE))
    seen: list[Tensor] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].detach().clone())

    model.register_forward_pre_hook(look)
    x = torch.full((DRAWS, 1, SIDE, SIDE), 0.5)
    attack(model, x, torch.zeros(DRAWS, dtype=torch.int64), seeds=range(DRAWS))
    return (seen[0] - 0.5).flatten(1).double()


def test_row_13_linf_starts_are_uniform_in_the_cube(record: Record) -> None:
    eps = 8 / 255
    delta = starts(PGD(eps=eps, steps=1))
    p = stats.kstest(delta[:, 5].numpy(), "uniform", (-eps, 2 * eps)).pvalue
    record(
        13,
        "PGD Linf start, one pixel",
        required="U(-eps, eps), KS p > .01",
        measured=f"p = {p:.2f}",
        n=DRAWS,
        met=p > 0.01,
    )
    correlated = np.abs(np.corrcoef(delta.numpy().T) - np.eye(PIXELS)).max()
    assert correlated < 5 / np.sqrt(DRAWS), "pixels of one image are drawn alone"


def test_row_13_l2_starts_are_uniform_in_the_ball(record: Record) -> None:
    eps = 0.3
    delta = starts(PGDL2(eps=eps, steps=1))
    radius = delta.norm(dim=1) / eps
    p = stats.kstest((radius**PIXELS).numpy(), "uniform").pvalue
    record(
        13,
        "PGD L2 start, radius to the power of the dimension",
        required="U(0, 1), KS p > .01",
        measured=f"p = {p:.2f}",
        n=DRAWS,
        met=p > 0.01,
    )
    # Each coordinate of a point on the sphere has a beta distribution, whichever coordinate it is.
    along = (delta[:, 3] / delta.norm(dim=1)).numpy()
    assert stats.kstest((along + 1) / 2, "beta", ((PIXELS - 1) / 2, (PIXELS - 1) / 2)).pvalue > 0.01


@pytest.mark.parametrize("attack", [PGD(eps=4 / 255), PGDL2(eps=1.0)], ids=["Linf", "L2"])
def test_row_13_an_image_does_not_depend_on_its_batch(attack: PGD | PGDL2, bench: Bench, record: Record) -> None:
    n = 48
    levels = (bench.x[:n] * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    y = bench.y[:n].numpy()
    order = np.random.default_rng(0).permutation(n)
    whole = attack_levels(bench.model, attack, levels, 8, y, batch_size=n).levels
    others = {size: attack_levels(bench.model, attack, levels, 8, y, batch_size=size).levels for size in (1, 7)}
    shuffled = attack_levels(bench.model, attack, levels[order], 8, y[order], batch_size=7).levels
    met = all(np.array_equal(whole, other) for other in others.values()) and np.array_equal(whole[order], shuffled)
    record(
        13,
        f"{attack.TITLE}, batches of 1, 7, 48 and another order",
        required="the same files",
        measured="the same files" if met else "different files",
        n=n,
        met=met and not np.array_equal(whole, levels),
    )
