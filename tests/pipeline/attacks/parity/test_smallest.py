"""Rows 9 to 12: the smallest L2 change that fools, as pixels and as levels of a file."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.projections import l2_norm
from pipeline.attacks.run import attack_levels
from tests.pipeline.attacks.parity.calls import art_classifier, foolbox_attack
from tests.pipeline.attacks.parity.classifier import Bench
from tests.pipeline.attacks.parity.conftest import Record
from tests.pipeline.attacks.parity.peers import peer

N = 8  # Thousands of gradients an image.
# The setting of the field's own comparisons.
USUAL = {"search_steps": 9, "steps": 100, "lr": 0.01, "c_first": 1e-3, "warm_start": False, "shrink": 0.999999}


def ours(bench: Bench, **settings: object) -> Tensor:
    x, y = bench.first(N)
    return CarliniWagner(**settings)(bench.model, x, y, seeds=range(N)).x_adv  # type: ignore[arg-type]


def adv_lib_cw(bench: Bench) -> Tensor:
    cw = peer("adv_lib.attacks").carlini_wagner_l2
    x, y = bench.first(N)
    return cw(bench.peers_model, x, y, binary_search_steps=9, max_iterations=100, learning_rate=0.01)


def foolbox_cw(bench: Bench) -> Tensor:
    attack = peer("foolbox").attacks.L2CarliniWagnerAttack(
        binary_search_steps=9, steps=100, stepsize=0.01, initial_const=1e-3
    )
    return foolbox_attack(bench, attack, None, N)


def adv_lib_smallest(bench: Bench, name: str, **settings: object) -> Tensor:
    x, y = bench.first(N)
    return getattr(peer("adv_lib.attacks"), name)(bench.peers_model, x, y, steps=100, **settings)


def foolbox_ddn(bench: Bench) -> Tensor:
    return foolbox_attack(bench, peer("foolbox").attacks.DDNAttack(steps=100), None, N)


def art_cw(bench: Bench) -> Tensor:
    x, y = bench.first(N)
    attack = peer("art.attacks.evasion").CarliniL2Method(art_classifier(bench), batch_size=N, verbose=False)
    return torch.from_numpy(attack.generate(x.numpy(), y.numpy()))


def torchattacks_cw(bench: Bench, steps: int) -> Tensor:
    return peer("torchattacks").CW(bench.peers_model, c=1, steps=steps)(*bench.first(N))


class Found:
    """The images of each attack, made once."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._images: dict[str, Tensor] = {}

    def l2(self, name: str, attack: Callable[[Bench], Tensor]) -> Tensor:
        """The length of each change (N,), infinite where the classifier is not fooled."""
        if name not in self._images:
            self._images[name] = attack(self.bench)
        x_adv = self._images[name]
        with torch.no_grad():
            fooled = self.bench.model(x_adv).argmax(1) != self.bench.y[:N]
        return torch.where(fooled, l2_norm(x_adv - self.bench.x[:N]), torch.inf)


@pytest.fixture(scope="module")
def found(bench: Bench) -> Found:
    return Found(bench)


@pytest.mark.parametrize(("name", "attack"), [("adv-lib", adv_lib_cw), ("foolbox", foolbox_cw)])
def test_row_09_cw_is_as_near_as_adv_libs_and_foolboxs(
    name: str, attack: Callable[[Bench], Tensor], found: Found, record: Record
) -> None:
    theirs, mine = found.l2(name, attack), found.l2("usual", partial(ours, **USUAL))
    ratio, median = float(mine.mean() / theirs.mean()), float((mine / theirs).median())
    wins = int(mine.isfinite().sum()), int(theirs.isfinite().sum())
    record(
        9,
        f"C&W 9 x 100, {name}",
        required="success equal; mean L2 within 2 %, median ratio in [.98, 1.02]",
        measured=f"{wins[0]} and {wins[1]} fooled; mean L2 {mine.mean():.4f}, {theirs.mean():.4f}; median {median:.4f}",
        n=N,
        met=wins[0] == wins[1] == N and abs(ratio - 1) <= 0.02 and 0.98 <= median <= 1.02,
    )


@pytest.mark.parametrize(
    ("name", "attack"),
    [
        ("ART, its defaults", art_cw),
        ("torchattacks, its defaults", partial(torchattacks_cw, steps=50)),
        ("torchattacks, 100 steps", partial(torchattacks_cw, steps=100)),
    ],
)
def test_row_10_cw_is_nearer_than_arts_and_torchattackss(
    name: str, attack: Callable[[Bench], Tensor], found: Found, record: Record
) -> None:
    theirs, mine = found.l2(name, attack), found.l2("ours, its defaults", ours)
    both = theirs.isfinite()
    record(
        10,
        f"C&W, our defaults, {name}",
        required="ours fools all; our mean L2 <= theirs, on what theirs fools",
        measured=f"{mine[both].mean():.4f} and {theirs[both].mean():.4f}; {int(both.sum())} of {N} fooled by theirs",
        n=N,
        met=bool(mine.isfinite().all()) and bool(mine[both].mean() <= theirs[both].mean()),
    )


@pytest.mark.parametrize(
    ("name", "attack"),
    [
        ("adv-lib DDN", partial(adv_lib_smallest, name="ddn", levels=None)),
        ("foolbox DDN", foolbox_ddn),
        ("adv-lib FMN", partial(adv_lib_smallest, name="fmn", norm=2)),
    ],
)
def test_row_11_cw_is_not_far_behind_ddn_and_fmn(
    name: str, attack: Callable[[Bench], Tensor], found: Found, record: Record
) -> None:
    theirs, mine = found.l2(name, attack), found.l2("usual", partial(ours, **USUAL))
    both = theirs.isfinite()
    ratio = float(mine[both].mean() / theirs[both].mean())
    record(
        11,
        f"C&W 9 x 100, {name}",
        required="mean L2 <= 1.12 x theirs, on what theirs fools",
        measured=f"{ratio:.3f} x; {int(both.sum())} of {N} fooled by theirs",
        n=N,
        met=ratio <= 1.12,
    )


def test_row_11_a_warm_start_and_500_steps_come_nearer_to_ddn(found: Found, record: Record) -> None:
    theirs = found.l2("adv-lib DDN", partial(adv_lib_smallest, name="ddn", levels=None))
    mine = found.l2("long", partial(ours, search_steps=9, steps=500, lr=0.01, c_first=1e-3, warm_start=True))
    ratio = float(mine.mean() / theirs.mean())
    record(
        11,
        "C&W 9 x 500 with a warm start, adv-lib DDN",
        required="mean L2 <= 1.05 x theirs",
        measured=f"{ratio:.3f} x",
        n=N,
        met=ratio <= 1.05,
    )


def test_row_12_cw_on_levels_is_not_far_behind_ddn_on_levels(found: Found, bench: Bench, record: Record) -> None:
    ddn = found.l2("adv-lib DDN on levels", partial(adv_lib_smallest, name="ddn", levels=256))
    levels = (bench.x[:N] * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    mine = attack_levels(bench.model, CarliniWagner(), levels, 8, bench.y[:N].numpy())
    ratio = float(np.mean(mine.l2)) / float(ddn.mean())
    record(
        12,
        "C&W in 8-bit PNG, adv-lib DDN with 256 levels",
        required="all fooled after PNG; mean L2 <= 1.1 x theirs",
        measured=f"{int(mine.success.sum())} of {N} fooled; mean L2 {mine.l2.mean():.4f}, theirs {ddn.mean():.4f}",
        n=N,
        met=bool(mine.success.all()) and ratio <= 1.1,
    )
