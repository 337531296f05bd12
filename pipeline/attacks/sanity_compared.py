"""Checks of attacks against noise, a black box, another model and each other; see `sanity`."""

import hashlib
import platform
from dataclasses import asdict, replace

import numpy as np
import torch

from pipeline.attacks.attack import Attack
from pipeline.attacks.bim import BIM
from pipeline.attacks.ensemble import Ensemble, worst_case
from pipeline.attacks.ensemble_checks import SQUARE_GAIN, flags, signs
from pipeline.attacks.fgsm import FGSM
from pipeline.attacks.mim import MIM
from pipeline.attacks.outcome import LatticeResult
from pipeline.attacks.pgd import PGD
from pipeline.attacks.sanity import SanityRow, Subject, logits_of
from pipeline.attacks.square import Square
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel


def weaker_means(
    on: Subject, *, eps: float = 8 / 255, n_queries: int = 1000, other: PixelModel | None = None
) -> list[SanityRow]:
    """5: noise is much weaker, and neither a black box nor a transfer from another model beats the white box."""
    white = on.attacked(PGD(eps=eps, steps=40)).success
    square = on.attacked(Square(eps=eps, n_queries=n_queries)).success
    gain = int((square & ~white).sum())
    rows = [
        noise(on, eps=eps),
        SanityRow(
            check=5,
            what=f"square with {n_queries} queries at {eps * 255:g}/255",
            required="fools at most .2 points that pgd does not",
            measured=f"{gain} of {on.n} more; {int(square.sum())} and {int(white.sum())} in all",
            n=on.n,
            met=gain <= SQUARE_GAIN * on.n,
        ),
    ]
    if other is not None:
        rows.append(transfer(on, other, eps=eps, told="another classifier"))
    return rows


def noise(on: Subject, *, eps: float = 8 / 255, n_draws: int = 1) -> SanityRow:
    """5: what some draw of noise of the same radius fools, image by image, beside the white box."""
    fooled, by_noise = on.n_fooled(PGD(eps=eps, steps=40)), _by_noise(on, eps, n_draws)
    return SanityRow(
        check=5,
        what=f"{n_draws:,} draw{'s' * (n_draws > 1)} of +-eps noise at {eps * 255:g}/255",
        required="fools less than half of what pgd fools",
        measured=f"{by_noise} and {fooled} of {on.n}",
        n=on.n,
        met=2 * by_noise < fooled,
    )


def transfer(on: Subject, other: PixelModel, *, eps: float, told: str) -> SanityRow:
    """5: what fools another classifier fools this one less often than what was made on it.

    Only images that both have right tell something: the others cannot be attacked on one of the two. How often the
    other one is fooled itself stands beside, since a weak attack on it would transfer badly too.

    Raises:
        BadAttack: the two have no image right in common.
    """
    shared = logits_of(other, on.levels, on.bits).argmax(1).numpy() == on.y
    if not shared.any():
        raise BadAttack(f"the other classifier has none of {on.n} images right; give one that has learnt the classes")
    both = replace(on, levels=on.levels[shared], y=on.y[shared])
    attack = PGD(eps=eps, steps=40)
    white = both.n_fooled(attack)
    made = replace(both, model=other).attacked(attack)
    moved = int((logits_of(on.model, made.levels, on.bits).argmax(1).numpy() != both.y).sum())
    return SanityRow(
        check=5,
        what=f"pgd with {attack.steps} steps on {told}, shown to this one, at {eps * 255:g}/255",
        required="fools fewer than pgd on this one",
        measured=f"{moved} and {white} of {both.n} that both have right; the other itself on {int(made.success.sum())}",
        n=both.n,
        met=moved < white,
    )


def alarms(on: Subject) -> list[SanityRow]:
    """6: the model is one function that gives logits, does not optimise, and has finite gradients everywhere."""
    with on.model.frozen():
        x = torch.from_numpy(on.levels.astype(np.float32) / ((1 << on.bits) - 1)).permute(0, 3, 1, 2)
        seen = signs(on.model, x.to(on.model.mean.device), torch.from_numpy(on.y).to(on.model.mean.device))
    found = flags(seen, n_nan=seen.n_nan, n_square=0)
    return [
        SanityRow(
            check=6,
            what="randomness, probabilities for logits, optimisation in the forward pass, gradients of zero, NaN",
            required="no flag",
            measured="; ".join(found) or "no flag",
            n=on.n,
            met=not found,
        )
    ]


def worst_of(on: Subject, *, eps: float = 8 / 255, n_queries: int = 200) -> list[SanityRow]:
    """7: the ensemble's worst case, image by image, misses nothing that a single attack within the radius finds."""
    singles = (FGSM(eps=eps), BIM(eps=eps), PGD(eps=eps), MIM(eps=eps))
    fooled = np.stack([on.attacked(attack).success for attack in singles])
    worst = worst_case(
        on.model, Ensemble(eps=eps, n_queries=n_queries), on.levels, on.bits, on.y, seed=on.seed, batch_size=16
    )
    left = worst.fooled_by == ""
    missed = int((fooled.any(axis=0) & left).sum())
    each = ", ".join(f"{attack.NAME} {int((~one).sum())}" for attack, one in zip(singles, fooled, strict=True))
    return [
        SanityRow(
            check=7,
            what=f"robust at {eps * 255:g}/255, image by image; clean accuracy {on.clean_accuracy:.1%}",
            required="the ensemble leaves none robust that a single attack fools",
            measured=f"{missed} of {on.n}; robust by the ensemble {int(left.sum())}, alone {each}",
            n=on.n,
            met=missed == 0,
        )
    ]


def release(on: Subject, attack: Attack, found: LatticeResult) -> dict[str, object]:
    """8: what must be known to make a result again, and each image's own result, as JSON values."""
    images = [
        {
            "sha256": hashlib.sha256(np.ascontiguousarray(clean).tobytes()).hexdigest(),
            "sha256_attacked": hashlib.sha256(np.ascontiguousarray(levels).tobytes()).hexdigest(),
            "label": int(on.y[i]),
            "status": str(found.status[i]),
            "reason": str(found.reason[i]),
            "pred_before": int(found.pred_before[i]),
            "pred_after": int(found.pred_after[i]),
            "linf": float(found.linf[i]),
            "l2": float(found.l2[i]),
            "steps": int(found.steps[i]),
        }
        for i, (clean, levels) in enumerate(zip(on.levels, found.levels, strict=True))
    ]
    return {
        "attack": attack.NAME,
        "params": attack.params(),
        "seed": on.seed,
        "bits": on.bits,
        "classifier": asdict(on.model.spec),
        "weights_sha256": weights_sha256(on.model),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "images": images,
    }


def repeatability(on: Subject, attack: Attack) -> list[SanityRow]:
    """8: the released facts are enough: a second run gives the same record."""
    first, second = (release(on, attack, on.attacked(attack)) for _ in range(2))
    return [
        SanityRow(
            check=8,
            what=f"{attack.NAME} twice: parameters, seed, versions, weights, each image",
            required="the same record",
            measured="the same record" if first == second else "another record",
            n=on.n,
            met=first == second,
        )
    ]


def weights_sha256(model: PixelModel) -> str:
    """A hash of all weights by name, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _by_noise(on: Subject, eps: float, n_draws: int) -> int:
    """How many images some draw of noise fools the classifier on."""
    top = (1 << on.bits) - 1
    source = np.random.default_rng(on.seed)
    fooled = np.zeros(on.n, dtype=bool)
    for _ in range(n_draws):
        change = (2 * source.integers(0, 2, on.levels.shape, dtype=np.int8) - 1) * int(eps * top + 1e-6)
        noisy = np.clip(on.levels.astype(np.int64) + change, 0, top).astype(on.levels.dtype)
        fooled |= logits_of(on.model, noisy, on.bits).argmax(1).numpy() != on.y
    return int(fooled.sum())
