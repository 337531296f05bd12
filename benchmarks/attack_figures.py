"""What the attacks do to a real classifier: success on the file, robust accuracy, what other files keep."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets.atomic import content_id, read_json, write_json
from datasets.head import head_mask
from datasets.image import to_unit
from datasets.progress import Progress
from datasets.store import Dataset
from pipeline.attacks.attack import Attack
from pipeline.attacks.ensemble import Ensemble
from pipeline.attacks.ensemble_report import evaluate_robustness
from pipeline.attacks.outcome import LatticeResult
from pipeline.attacks.registry import create
from pipeline.attacks.run import attack_levels
from pipeline.attacks.survival import pooled, survival
from pipeline.evaluation import wilson_interval
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, load_model

Rows = list[dict[str, Any]]

SEED = 0
LEVELS = (1, 2, 4, 8)
SIGN_ATTACKS = ("fgsm", "bim", "pgd", "mim", "apgd")
OTHER_ATTACKS = ("fgm_l2", "pgd_l2", "apgd_l2", "apgd_t", "square", "square_l2", "cw", "deepfool", "ddn")
# Costly attacks meet fewer images, and Square fewer queries; the page says n beside each figure.
FEWER = {"cw": 50, "ddn": 50, "square": 50, "square_l2": 50, "apgd_l2": 50}
QUICKER: dict[str, dict[str, object]] = {
    "square": {"eps": 8 / 255, "n_queries": 1000},
    "square_l2": {"n_queries": 1000},
    "apgd_t": {"eps": 8 / 255},
}
ROBUST_LEVELS = (4, 8)
ENSEMBLE_QUERIES = 1000
AUTOATTACK = ("apgd-ce", "apgd-t", "fab-t", "square")


def sources_id() -> str:
    """A hash of the attacks' and the models' own code, to tell figures of another state of it."""
    root = Path(__file__).resolve().parent.parent / "pipeline"
    return content_id(
        [path.read_text() for part in ("attacks", "models") for path in sorted((root / part).glob("*.py"))]
    )


@dataclass(frozen=True)
class Group:
    """Images of one shape and depth."""

    levels: np.ndarray  # (n, H, W, C)
    bits: int
    y: np.ndarray
    hashes: list[str]

    @property
    def kind(self) -> tuple[int, ...]:
        """Height, width, channels and bits."""
        return (*self.levels.shape[1:], self.bits)


@dataclass(frozen=True, eq=False)
class Subject:
    """A classifier, and test images that it has never seen, spread evenly over the split."""

    classifier: Classifier
    dataset: Dataset
    work: Path  # Where figures are kept, so that a run that was stopped goes on.
    indices: list[int] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)  # Figures that were kept from an earlier state of the attacks.

    @classmethod
    def of(cls, classifier: Classifier, dataset: Dataset, work: Path, n: int) -> "Subject":
        """At most n images of the test split."""
        test = dataset.indices("test")
        n = min(n, len(test))
        return cls(classifier, dataset, work, [int(test[k * len(test) // n]) for k in range(n)])

    def model(self) -> PixelModel:
        """The classifier, as it is attacked."""
        return load_model(self.classifier)

    def groups(self, n: int | None = None) -> Iterator[Group]:
        """The first of the images (of all, evenly spread), by shape and depth."""
        count = len(self.indices) if n is None else min(n, len(self.indices))
        chosen = [self.indices[k * len(self.indices) // count] for k in range(count)]

        def kind(i: int) -> tuple[int, ...]:
            return (*self.dataset.items[i].shape, self.dataset.items[i].bits)

        for _, same in groupby(sorted(chosen, key=kind), key=kind):
            items = list(same)
            yield Group(
                levels=np.stack(self.dataset.batch(items)),
                bits=self.dataset.items[items[0]].bits,
                y=np.array([self.dataset.items[i].label for i in items]),
                hashes=[self.dataset.items[i].pixels_sha256 for i in items],
            )

    def once(self, what: str, inputs: object, make: Callable[[], Any]) -> Any:
        """What was measured of these inputs before, or measured now; remembers with which sources of the attacks."""
        key = content_id([what, self.classifier.id, self.dataset.id, self.indices, SEED, inputs])
        note = self.work / f"{what}-{key}.json"
        if not note.exists():
            write_json(note, {"sources": sources_id(), "value": make()})
        found: Any = read_json(note)
        if found["sources"] != sources_id():
            self.stale.append(what)
        return found["value"]


def success(subject: Subject, progress: Progress) -> Rows:
    """Every attack with every radius, on the file in the size in which it came."""
    cells = [create(name, {"eps": k / 255}) for name in SIGN_ATTACKS for k in LEVELS]
    cells += [create(name, QUICKER.get(name, {})) for name in OTHER_ATTACKS]
    rows = []
    for done, attack in enumerate(cells):
        progress(done, len(cells), f"{attack.NAME} {_eps(attack)}")
        n = FEWER.get(attack.NAME)
        inputs = [attack.NAME, attack.params(), n]
        rows.append(subject.once("success", inputs, lambda attack=attack, n=n: succeeded(subject, attack, n)))
    for attack in (create("pgd", {"eps": 8 / 255}), create("cw")):
        n = FEWER.get(attack.NAME)
        inputs = [attack.NAME, attack.params(), n]
        rows.append(subject.once("head", inputs, lambda attack=attack, n=n: succeeded(subject, attack, n, head=True)))
    progress(len(cells), len(cells), "attacks")
    return rows


def robustness(subject: Subject, progress: Progress) -> Rows:
    """Robust accuracy by the ensemble."""
    rows = []
    for k in ROBUST_LEVELS:
        ensemble = Ensemble(eps=k / 255, n_queries=ENSEMBLE_QUERIES)

        def measured(ensemble: Ensemble = ensemble) -> dict[str, object]:
            return evaluate_robustness(
                subject.classifier,
                subject.dataset,
                ensemble,
                n_images=len(subject.indices),
                seed=SEED,
                progress=progress,
            ).to_json()

        rows.append(subject.once("robust", [k, ENSEMBLE_QUERIES], measured))
    return rows


def beyond_ours(subject: Subject, report: dict[str, Any]) -> dict[str, Any]:
    """What the authors' AutoAttack, with FAB as well, does to the scans that our ensemble left robust."""
    left = [image["index"] for image in report["images"] if image["fooled_by"] == ""]
    return subject.once("autoattack", [report["eps"], left], lambda: _autoattacked(subject, report["eps"], left))


def kept_by_files(subject: Subject, n: int, progress: Progress) -> dict[str, Rows]:
    """What PGD keeps in other kinds of file, plain and attacked through JPEG."""
    model = subject.model()

    def measured(attack: Attack) -> Rows:
        # Grey and RGB images become different kinds of files, so each is pooled alone.
        by_channels: dict[int, list[Any]] = {}
        for group in subject.groups(n):
            cells = survival(model, attack, group.levels, group.bits, group.y, seed=SEED, progress=progress)
            by_channels.setdefault(group.levels.shape[3], []).append(cells)
        return [
            {"channels": channels, **cell.to_json()}
            for channels, reports in sorted(by_channels.items())
            for cell in pooled(reports)
        ]

    attacks = {"pgd 4/255": create("pgd", {"eps": 4 / 255}), "pgd 8/255": create("pgd", {"eps": 8 / 255})}
    return {
        name: subject.once("files", [name, n], lambda attack=attack: measured(attack))
        for name, attack in attacks.items()
    }


def _autoattacked(subject: Subject, eps: float, indices: list[int]) -> dict[str, Any]:
    # Here, since it comes with the development install alone.
    from pyautoattack import AutoAttack

    model, fooled = subject.model(), 0
    for i in indices:
        item = subject.dataset.items[i]
        x = torch.from_numpy(to_unit(subject.dataset.levels(i)[None], item.bits)).permute(0, 3, 1, 2)
        y = torch.tensor([item.label])
        with model.frozen():
            attack = AutoAttack(
                model, norm="Linf", eps=eps, version="custom", attacks=list(AUTOATTACK), seed=SEED, device="cpu"
            )
            # Its standard 9 targets are more than there are classes.
            attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = len(model.spec.classes) - 1
            attack.square.n_queries = ENSEMBLE_QUERIES
            found = attack.run_standard_evaluation(x, y, batch_size=1)
            x_adv = found[0] if isinstance(found, tuple) else found
            fooled += int((model(x_adv).argmax(1) != y).sum())
    return {"eps": eps, "n": len(indices), "n_fooled": fooled}


def succeeded(
    subject: Subject, attack: Attack, n: int | None = None, *, head: bool = False, kind: tuple[int, ...] | None = None
) -> dict[str, object]:
    """One attack on the first n of the scans, inside the head or anywhere, on those of one kind or on all."""
    model = subject.model()
    parts = [
        attack_levels(
            model,
            attack,
            group.levels,
            group.bits,
            group.y,
            mask=np.stack([head_mask(one, group.bits).mask for one in group.levels]) if head else None,
            pixels_sha256=group.hashes,
            seed=SEED,
        )
        for group in subject.groups(n)
        if kind in (None, group.kind)
    ]
    names = [f.name for f in fields(LatticeResult) if f.name != "levels"]
    found = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    right, won = found["status"] != "clean_wrong", found["success"]
    n_right, n_won = int(right.sum()), int(won.sum())
    return {
        "attack": f"{attack.NAME}, inside the head" if head else attack.NAME,
        "eps": _eps(attack),
        "n": n_right,
        "n_success": n_won,
        "interval": wilson_interval(n_won, n_right) if n_right else None,
        "n_lost_by_rounding": int((found["success_float"] & ~won).sum()),
        "median_l2": float(np.median(found["l2"][won])) if n_won else None,
        "largest_linf": float(found["linf"][right].max()) if n_right else None,
        "mean_steps": float(found["steps"][right].mean()) if n_right else None,
    }


def _eps(attack: Attack) -> str:
    if attack.radius == float("inf"):
        return "-"
    return f"{attack.radius * 255:g}/255" if str(attack.NORM) == "linf" else f"L2 {attack.radius:g}"
