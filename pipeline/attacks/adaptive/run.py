"""Adaptive attacks on stored levels, judged by the gate on the file as it is written and decoded again."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from datasets.image import check_levels, to_unit
from datasets.progress import Progress, ignore
from pipeline.attacks.adaptive.attack import AdaptiveAttack
from pipeline.attacks.adaptive.guides import Guides
from pipeline.attacks.adaptive.view import GateView
from pipeline.attacks.attack import Tick
from pipeline.attacks.outcome import right_before
from pipeline.attacks.run import teller
from pipeline.attacks.seeding import params_json, seed_for
from pipeline.attacks.written import FileForm
from pipeline.detection.network import GateNetwork, stacked
from pipeline.errors import BadAttack
from pipeline.models.resize import fit_levels

PNG = FileForm()


@dataclass(frozen=True, eq=False, kw_only=True)
class GateOutcome:
    """What became of each image; columns of length N beside the levels.

    Only images that the classifier had right are attacked; the others are as they came. `success` is a file that the
    gate accepts (score <= tau) and the classifier has wrong. `curve` is the attack's own view of its best point after
    each step of all restarts, above 0 where it thinks to have won; NaN for an image that was not attacked.
    """

    levels: np.ndarray  # (N, H, W, C)
    attacked: np.ndarray
    success: np.ndarray
    wrong: np.ndarray
    score: np.ndarray
    pred: np.ndarray
    linf: np.ndarray
    steps: np.ndarray
    curve: np.ndarray  # (N, T)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a gate says of files."""

    probs: Tensor  # (N, K)
    score: np.ndarray

    @property
    def pred(self) -> np.ndarray:
        """The classifier's answers."""
        answers: np.ndarray = self.probs.argmax(1).numpy()
        return answers

    def wrong(self, y: np.ndarray) -> np.ndarray:
        """Where the classifier gives another class, in finite numbers."""
        found: np.ndarray = (self.pred != y) & self.probs.isfinite().all(1).numpy()
        return found

    def accepted(self, tau: float) -> np.ndarray:
        """Where the gate hands out an answer; a score that is not a number is none."""
        return self.score <= tau


@dataclass(frozen=True)
class GateAt:
    """A gate network at a threshold: a scan is accepted where its score is at most tau."""

    network: GateNetwork
    tau: float

    def judged(self, levels: np.ndarray, bits: int) -> Seen:
        """What the gate says of images (N, H, W, C), each written as PNG, decoded and fitted as an upload is."""
        spec = self.network.model.spec
        read = PNG.as_read(levels, bits)
        probs, score = [], []
        # The view covers classifier and detector; the network itself has no state of its own.
        with GateView(self.network, self.tau).frozen(), torch.no_grad():
            for image in read:
                out = self.network(stacked([fit_levels(image, bits, spec)]))
                probs.append(out.probs)
                score.append(out.score)
        return Seen(torch.cat(probs), torch.cat(score).numpy())


def attack_gate(
    gate: GateAt,
    attack: AdaptiveAttack,
    levels: np.ndarray,
    bits: int,
    y: np.ndarray,
    *,
    surrogate: GateAt | None = None,
    guides: Guides | None = None,
    pixels_sha256: Sequence[str] | None = None,
    seed: int = 0,
    batch_size: int = 8,
    progress: Progress = ignore,
) -> GateOutcome:
    """Attack a gate with images of one shape, on the lattice of their files.

    Args:
        gate: judges the written files.
        attack: one whose `ON_SURROGATE` is set runs on the surrogate alone.
        levels: (N, H, W, C), uint8 or uint16.
        bits: depth of the levels.
        y: (N,) true classes.
        surrogate: a gate in the attacker's hands.
        guides: clean scans of every class.
        pixels_sha256: a hash an image, made anew where absent; with `seed` it says what the image draws.
        seed: of the run.
        batch_size: changes memory, speed and the last bits of arithmetic alone.
        progress: told of images done, also inside a batch; may raise to cancel.

    Raises:
        BadAttack: values do not fit, or the attack lacks its surrogate or its guides.
        BadImage: levels that are no image.
    """
    known = _known(gate, attack, surrogate)
    hashes = _checked(levels, bits, y, pixels_sha256)
    params = params_json(attack.params())
    seeds = [seed_for(digest, attack.NAME, params, seed) for digest in hashes]
    view = GateView(known.network, known.tau, straight=attack.straight)
    parts = []
    for start in range(0, len(levels), batch_size):
        rows = slice(start, start + batch_size)
        tick = teller(progress, start, len(levels), attack.NAME)
        parts.append(_batch(gate, view, attack, levels[rows], bits, y[rows], guides, seeds[rows], tick))
    progress(len(levels), len(levels), attack.NAME)
    return joined(parts)


def joined(parts: Sequence[GateOutcome]) -> GateOutcome:
    """The outcomes of several batches as one; curves that ended early stay level."""
    longest = max(part.curve.shape[1] for part in parts)
    curves = [np.pad(part.curve, ((0, 0), (0, longest - part.curve.shape[1])), mode="edge") for part in parts]
    names = [field.name for field in fields(GateOutcome) if field.name != "curve"]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return GateOutcome(**columns, curve=np.concatenate(curves))


def _batch(
    gate: GateAt,
    view: GateView,
    attack: AdaptiveAttack,
    levels: np.ndarray,
    bits: int,
    y: np.ndarray,
    guides: Guides | None,
    seeds: Sequence[int],
    tick: Tick,
) -> GateOutcome:
    before = gate.judged(levels, bits)
    attacked = right_before(before.probs, torch.from_numpy(y)).numpy()
    written, rows = levels.copy(), np.flatnonzero(attacked)
    steps, curve = np.zeros(len(y), np.int64), np.full((len(y), 1), np.nan)
    if len(rows):
        top = (1 << bits) - 1
        x = torch.from_numpy(to_unit(levels[rows], bits)).permute(0, 3, 1, 2).to(view.mean.device)
        found = attack(
            view,
            x,
            torch.from_numpy(y[rows]),
            levels_max=top,
            guides=guides,
            seeds=[seeds[row] for row in rows.tolist()],
            tick=tick,
        )
        stored = (found.x_adv.double() * top).round().cpu().permute(0, 2, 3, 1).numpy()
        written[rows], steps[rows] = stored.astype(levels.dtype), found.steps.cpu().numpy()
        curve = np.full((len(y), found.curve.shape[1]), np.nan)
        curve[rows] = found.curve.cpu().numpy()
    after = gate.judged(written, bits)
    wrong = after.wrong(y) & attacked
    change = np.abs(written.astype(np.int64) - levels).reshape(len(y), -1).max(1)
    return GateOutcome(
        levels=written,
        attacked=attacked,
        success=wrong & after.accepted(gate.tau),
        wrong=wrong,
        score=after.score,
        pred=after.pred,
        linf=change / ((1 << bits) - 1),
        steps=steps,
        curve=curve,
    )


def _known(gate: GateAt, attack: AdaptiveAttack, surrogate: GateAt | None) -> GateAt:
    """The gate that the attacker takes slopes of."""
    if not attack.ON_SURROGATE:
        return gate
    if surrogate is None:
        raise BadAttack(f"{attack.NAME} without a surrogate; give the gate network of a second detector")
    if surrogate.network.model.spec.classes != gate.network.model.spec.classes:
        raise BadAttack("the surrogate's classifier tells other classes apart; give one of the same classes")
    return surrogate


def _checked(levels: np.ndarray, bits: int, y: np.ndarray, pixels_sha256: Sequence[str] | None) -> Sequence[str]:
    """A hash an image, after refusing what does not fit."""
    from datasets.duplicates import (
        pixels_sha256 as hash_of,
    )  # Here, since it loads libraries that only an import needs.

    if levels.ndim != 4 or not len(levels):
        raise BadAttack(f"levels of shape {levels.shape}; give (N, H, W, C) with N at least 1")
    check_levels(levels[0], bits)
    PNG.check(levels.shape[3], bits)
    hashes = [hash_of(image, bits) for image in levels] if pixels_sha256 is None else pixels_sha256
    for name, n in (("y", len(y)), ("pixels_sha256", len(hashes))):
        if n != len(levels):
            raise BadAttack(f"{name}: {n} values for {len(levels)} images; give one an image")
    return hashes
