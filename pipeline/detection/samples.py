"""What the residual network learns from: attacked scans, clean scans, and harmlessly changed ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from datasets.adversarial_store import AdversarialRows
from datasets.store import Dataset
from detector.gaps import close_gaps
from detector.training import Batch
from detector.types import TYPES, type_index
from pipeline.detection.controls import draw_harmless, with_perturbation
from pipeline.detection.division import Part
from pipeline.detection.evasions import Perturbed
from pipeline.detection.evidence import perturbation
from pipeline.detection.heads import Heads
from pipeline.detection.histories import Change, draw_history
from pipeline.detection.network import stacked
from pipeline.detection.settings import DetectorSettings
from pipeline.models.resize import fit_levels
from pipeline.models.spec import ClassifierSpec

_PARENT_SHARE = 0.6
_N_ORIENTATIONS = 8
# Radii are kept in single precision.
_ROUNDED = 1e-5


@dataclass(frozen=True)
class Samples:
    """Draws batches from one part of a data set and its attacked scans.

    Every attack type is drawn equally often, and of a type every eps. An attacked scan comes with a
    clean one (mostly its own parent: what differs in the pair is the perturbation alone) and a harmlessly
    changed one, all three of one `History`, cropped at the same place and turned the same way. Quarter turns
    and reflections move levels without changing them, so that they add no trace.

    A batch depends on the settings, its epoch and its number, and on nothing that was drawn before it.
    """

    dataset: Dataset
    rows: AdversarialRows
    part: Part
    spec: ClassifierSpec
    settings: DetectorSettings

    def batches(self, epoch: int, evasions: Sequence[Perturbed] = ()) -> Iterator[Batch]:
        """All batches of one epoch; where there are evasions, a share of the attacked scans is drawn from them."""
        cells = attack_cells(self.rows, self.part.attacked)
        share = self.settings.evasive if evasions else 0.0
        for step in range(self.settings.steps_an_epoch):
            rng = np.random.default_rng([self.settings.seed, epoch, step])
            evasive = rng.random(self.settings.batch) < share
            yield self._batch(
                [
                    evasions[int(rng.integers(len(evasions)))] if known else self._attack(draw_row(cells, rng))
                    for known in evasive
                ],
                rng,
            )

    def radii(self) -> list[float]:
        """The Linf radii of the attacked scans, smallest first."""
        eps, linf = self.rows.eps[self.part.attacked], self.rows.linf[self.part.attacked]
        found = [float(one) for one in np.unique(eps) if one > 0]
        return [one for one in found if linf[eps == np.float32(one)].max() <= one * (1 + _ROUNDED)]

    def _attack(self, row: int) -> Perturbed:
        """A row of the adversarial set, as what it added to its parent."""
        added = perturbation(self.dataset, self.rows, row)
        return Perturbed(int(self.rows.parent[row]), added, float(self.rows.linf[row]))

    def _batch(self, chosen: list[Perturbed], rng: np.random.Generator) -> Batch:
        attacks: list[np.ndarray] = []
        clean: list[np.ndarray] = []
        harmless: list[np.ndarray] = []
        for attack in chosen:
            view = _View.draw(self.spec, self.settings.crop, rng)
            beside, other = (attack.parent if rng.random() < _PARENT_SHARE else self._draw_other(rng) for _ in range(2))
            items = (attack.parent, beside, other)
            heads = [self._heads.mask(item) for item in items]
            # Black where one of them keeps its background would tell them apart.
            head = heads[0] if all(mask is not None for mask in heads) else None
            history = draw_history(attack.perturbation, self._bits(attack.parent), head, rng)
            changes = (_attacking(attack), _nothing, _harmless(attack))
            for into, item, mask, change in zip((attacks, clean, harmless), items, heads, changes, strict=True):
                bits = self._bits(item)
                seen = history.seen(self.dataset.levels(item), bits, rng)
                changed = change(seen, bits, rng)
                reached = history.passed_on(changed, seen, bits, mask, rng)
                into.append(view.of(reached, bits, self.spec))
        n = len(chosen)
        return Batch(
            pixels=stacked(attacks + clean + harmless),
            is_adv=torch.arange(3 * n) < n,
        )

    def _draw_other(self, rng: np.random.Generator) -> int:
        return int(rng.choice(self.part.clean))

    def _bits(self, item: int) -> int:
        return self.dataset.items[item].bits

    @cached_property
    def _heads(self) -> Heads:
        return Heads(self.dataset)


def _attacking(attack: Perturbed) -> Change:
    return lambda seen, bits, rng: with_perturbation(seen, bits, attack.perturbation)


def _harmless(attack: Perturbed) -> Change:
    return lambda seen, bits, rng: draw_harmless(seen, bits, attack.perturbation, attack.linf, rng)


def _nothing(seen: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
    return seen


def attack_cells(rows: AdversarialRows, chosen: np.ndarray) -> dict[str, list[np.ndarray]]:
    """The chosen rows by attack type, and within a type by eps."""
    cells: dict[str, list[np.ndarray]] = {}
    for attack in np.unique(rows.attack[chosen]):
        of_attack = chosen[rows.attack[chosen] == attack]
        index = type_index(str(attack))
        by_eps = [of_attack[rows.eps[of_attack] == eps] for eps in np.unique(rows.eps[of_attack])]
        # An attack without a name of its own is a type of its own, so that it is drawn as often.
        cells.setdefault(str(attack) if index is None else TYPES[index], []).extend(by_eps)
    return cells


def draw_row(cells: dict[str, list[np.ndarray]], rng: np.random.Generator) -> int:
    """One row: every type equally likely, then every eps, then every row."""
    of_type = cells[str(rng.choice(sorted(cells)))]
    return int(rng.choice(of_type[rng.integers(len(of_type))]))


@dataclass(frozen=True)
class _View:
    """One place and one orientation, the same for the images that are compared."""

    top: int
    left: int
    side: int | None
    orientation: int

    @classmethod
    def draw(cls, spec: ClassifierSpec, crop: int | None, rng: np.random.Generator) -> "_View":
        orientation = int(rng.integers(_N_ORIENTATIONS))
        if crop is None and spec.height == spec.width:
            return cls(0, 0, None, orientation)
        # A quarter turn keeps only a square's shape, and a batch has one shape.
        side = min(crop or spec.height, spec.height, spec.width)
        top, left = (int(rng.integers(length - side + 1)) for length in (spec.height, spec.width))
        return cls(top, left, side, orientation)

    def of(self, levels: np.ndarray, bits: int, spec: ClassifierSpec) -> np.ndarray:
        pixels = _without_gaps(fit_levels(levels, bits, spec), is_grey=levels.shape[2] == 1)
        if self.side is not None:
            pixels = pixels[:, self.top : self.top + self.side, self.left : self.left + self.side]
        turned = np.rot90(pixels, self.orientation % 4, axes=(1, 2))
        return turned[:, :, ::-1] if self.orientation >= _N_ORIENTATIONS // 2 else turned


def _without_gaps(pixels: np.ndarray, *, is_grey: bool) -> np.ndarray:
    """The whole image (C, H, W) as the network sees it when it judges."""
    # The channels of a grey scan are one and the same.
    seen = torch.from_numpy(pixels[:1] if is_grey else pixels)[None]
    return np.broadcast_to(close_gaps(seen)[0].numpy(), pixels.shape)
