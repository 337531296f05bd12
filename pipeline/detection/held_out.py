"""What is held out of a detector's training, and the choice of an epoch by it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from datasets.adversarial_store import AdversarialRows
from datasets.progress import Progress
from datasets.store import Dataset
from detector.class_level import ClassLevel, fit_class_level
from detector.fused import logit_margin
from detector.fusion import Fusion, fit_fusion
from detector.mahalanobis import Mahalanobis
from detector.residual import ResidualNetwork
from pipeline.detection.controls import STANDARD_CONTROLS, with_perturbation
from pipeline.detection.division import Part
from pipeline.detection.evidence import clean_scans, features_and_logits, perturbation
from pipeline.detection.heads import Heads
from pipeline.detection.histories import History, draw_history
from pipeline.detection.network import Scan, pixel_batches
from pipeline.detection.samples import attack_cells
from pipeline.models.adapter import PixelModel

MAX_ATTACKED = 900
MAX_CONTROLLED = 60
MAX_PASSED_ON = 300
MAX_FALSE_ALARMS = 0.05
CLEAN_QUANTILE = 0.98
"""The held-out threshold: at 2 % alarms a few hundred clean scans still hold some above it."""

ATTACKED, CLEAN = -1, 0


@dataclass(frozen=True)
class Judged:
    """How an epoch does on held-out scans.

    An epoch that finds all attacks by flagging all noise is worth nothing. What is found at a threshold hangs on the
    three or four clean scans beside it, and most epochs find all; so `area` decides, over many thresholds, and against
    each kind of ordinary scan alone: among all of them the loudest kind would decide by itself.

    Attributes:
        found: share of attacked scans above the threshold.
        flagged_harmless: the same of harmlessly changed ones.
        area: of the ROC up to 5 % false alarms, 1 at best; the mean over the clean scans, each kind of harmless change,
            and the clean scans with a history.
    """

    found: float
    flagged_harmless: float
    area: float


@dataclass(frozen=True)
class HeldOut:
    """Held-out scans with the evidence of the classifier.

    Attributes:
        scans: of all kinds.
        kind: (N,) int: `ATTACKED`, `CLEAN`, or a larger number for each kind of harmlessly changed ones.
        fold: (N,) 0 or 1: every scan made of one parent lies in one fold.
        distance: (N,) log Mahalanobis.
        logits: (N, K), the classifier's.
    """

    scans: list[Scan]
    kind: Tensor
    fold: Tensor
    distance: Tensor
    logits: Tensor

    @property
    def is_adv(self) -> Tensor:
        """(N,) bool."""
        return self.kind == ATTACKED

    @property
    def is_clean(self) -> Tensor:
        """(N,) bool; neither this nor `is_adv` holds for a harmlessly changed scan."""
        return self.kind == CLEAN

    @torch.no_grad()
    def evidence(self, residual: ResidualNetwork, model: PixelModel, *, what: str, progress: Progress) -> Tensor:
        """What is fused, (N, E), under a state of the residual network."""
        seen = []
        n_done = 0
        for pixels in pixel_batches(self.scans, model.spec):
            progress(n_done, len(self.scans), what)
            seen.append(residual(pixels).logit)
            n_done += len(pixels)
        return torch.stack([torch.cat(seen), self.distance, logit_margin(self.logits)], 1)

    def fit(self, evidence: Tensor, chosen: Tensor | None = None) -> tuple[Fusion, ClassLevel]:
        """The weights of the evidence and the level of each class, fitted on the chosen scans, (N,) bool, or on all."""
        chosen = torch.ones_like(self.is_adv) if chosen is None else chosen
        fusion = fit_fusion(evidence[chosen], self.is_adv[chosen])
        clean = chosen & self.is_clean
        return fusion, fit_class_level(fusion(evidence[clean]), self.logits[clean])

    def judge(self, evidence: Tensor) -> Judged:
        """How the evidence does when each fold is scored by what was fitted on the other."""
        score = torch.zeros(len(evidence))
        for fold in (0, 1):
            inside, other = self.fold == fold, self.fold != fold
            usable = bool(self.is_adv[other].any()) and bool(self.is_clean[other].any())
            fusion, class_level = self.fit(evidence, other if usable else None)
            score[inside] = fusion(evidence[inside]) - class_level(self.logits[inside])
        tau = score[self.is_clean].quantile(CLEAN_QUANTILE)
        attacks = score[self.is_adv]
        areas = [_area(attacks, score[self.kind == kind]) for kind in set(self.kind.tolist()) - {ATTACKED}]
        return Judged(
            found=float((attacks > tau).float().mean()),
            flagged_harmless=float((score[self.kind > CLEAN] > tau).float().mean()),
            area=float(np.mean(areas)),
        )


def hold_out(
    model: PixelModel,
    mahalanobis: Mahalanobis,
    dataset: Dataset,
    rows: AdversarialRows,
    part: Part,
    *,
    seed: int,
    progress: Progress,
) -> HeldOut:
    """Make the held-out scans and ask the classifier about them.

    Attacked scans are as they were made, and some again with the histories that training draws, each beside the clean
    scan of the same history, which counts as harmlessly changed.
    """
    rng = np.random.default_rng([seed, 1])
    attacks = _even_choice(rows, part.attacked, rng)
    controlled = rng.permutation(part.clean)[:MAX_CONTROLLED]
    again = rng.permutation(attacks)[:MAX_PASSED_ON]
    groups = [_Kind(CLEAN, list(clean_scans(dataset, part.clean)), part.clean)]
    for k, control in enumerate(STANDARD_CONTROLS.values(), CLEAN + 1):
        changed = [(control(levels, bits, rng), bits) for levels, bits in clean_scans(dataset, controlled)]
        groups.append(_Kind(k, changed, controlled))
    pairs = list(_passed_on(dataset, rows, again, rng))
    groups.append(_Kind(len(groups), [clean for clean, _ in pairs], rows.parent[again]))
    made = [(rows.levels(int(row)), int(rows.bits[row])) for row in attacks]
    groups.append(_Kind(ATTACKED, made, rows.parent[attacks]))
    groups.append(_Kind(ATTACKED, [reached for _, reached in pairs], rows.parent[again]))
    scans = [scan for group in groups for scan in group.scans]
    what = "features of held-out scans"
    features, logits = features_and_logits(model, scans, n=len(scans), what=what, progress=progress)
    parents = np.concatenate([group.parents for group in groups])
    return HeldOut(
        scans=scans,
        kind=torch.tensor([group.kind for group in groups for _ in group.scans]),
        fold=torch.from_numpy(dataset.groups[parents] % 2),
        distance=mahalanobis(features),
        logits=logits,
    )


class _Kind(NamedTuple):
    """Scans of one kind, and the item that each was made of."""

    kind: int
    scans: list[Scan]
    parents: np.ndarray


def _passed_on(
    dataset: Dataset, rows: AdversarialRows, attacked_rows: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[Scan, Scan]]:
    """Of each attack its clean and its attacked scan, with one history."""
    heads = Heads(dataset)
    for row in attacked_rows:
        parent, bits = int(rows.parent[row]), int(rows.bits[row])
        added = perturbation(dataset, rows, int(row))
        head = heads.mask(parent)
        while (history := draw_history(added, bits, head, rng)) == History():
            pass  # Without a history it is held out already.
        seen = history.seen(dataset.levels(parent), bits, rng)
        clean = history.passed_on(seen, seen, bits, head, rng)
        reached = history.passed_on(with_perturbation(seen, bits, added), seen, bits, head, rng)
        yield (clean, bits), (reached, bits)


def _area(attacked: Tensor, ordinary: Tensor) -> float:
    """The mean, over the most suspicious of the ordinary scans, of the share of attacked ones above it."""
    n = max(1, round(MAX_FALSE_ALARMS * len(ordinary)))
    return float((attacked > ordinary.topk(n).values[:, None]).float().mean())


def _even_choice(rows: AdversarialRows, attacked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At most `MAX_ATTACKED` rows, as many of each attack and eps as there are."""
    cells = [cell for of_type in attack_cells(rows, attacked).values() for cell in of_type]
    share = max(1, MAX_ATTACKED // len(cells))
    return np.concatenate([rng.permutation(cell)[:share] for cell in cells])
