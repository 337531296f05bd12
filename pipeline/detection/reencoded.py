"""Files that were written again: clean ones must look the same, of attacked ones it is asked what is left."""

from collections.abc import Iterator

import numpy as np

from datasets.decoding import decode
from datasets.encoding import check_fits, encode
from datasets.errors import BadImage
from pipeline.attacks.registry import create
from pipeline.attacks.run import attack_levels
from pipeline.detection.attacked import cell_name
from pipeline.detection.controls import AFTER_ATTACK
from pipeline.detection.evidence import clean_scans
from pipeline.detection.examined import AttackedCell, Examined
from pipeline.detection.network import Scan
from pipeline.detection.protocol_rows import ReencodedRow, SurvivorRow
from pipeline.detection.statistics import auroc, auroc_interval, rate

LOSSLESS = ("png", "tiff", "dicom")

_PART, _AFTER_PART = 30, 31


def null_attack(examined: Examined) -> float:
    """AUROC of all clean scans, attacked with eps 0 and written as attacked ones are, against themselves."""
    scans = _written(_attacked_with_nothing(examined), "png")
    return auroc(examined.look(scans, len(examined.items), "null attack").score, examined.clean.score)


def reencoded_rows(examined: Examined) -> tuple[ReencodedRow, ...]:
    """Some clean scans through every file format without loss that holds them."""
    found = []
    place = {int(item): k for k, item in enumerate(examined.items)}
    for file_format in LOSSLESS:
        items = np.array([item for item in examined.some_items(_PART) if _fits(examined, int(item), file_format)])
        if not len(items):
            continue
        scans = _written(clean_scans(examined.dataset, items), file_format)
        score = examined.look(scans, len(items), f"clean as {file_format}").score
        before = examined.clean.score[[place[int(item)] for item in items]]
        groups = examined.groups(items)
        found.append(
            ReencodedRow(
                file_format,
                len(items),
                auroc_interval(score, before, groups, groups, seed=examined.seed),
                examined.flagged(score),
            )
        )
    return tuple(found)


def survivor_rows(examined: Examined, cells: list[AttackedCell]) -> tuple[SurvivorRow, ...]:
    """Successful attacks after JPEG and resizing: do they still fool, and is the gate's alarm still raised?

    Only the classifier that was attacked can say whether it is still fooled, so that there are none beside another.
    """
    if not examined.own:
        return ()
    found = []
    for cell in cells:
        rows = cell.rows[examined.some_hits(cell, _AFTER_PART)]
        labels = examined.rows.label[rows]
        for change, control in AFTER_ATTACK.items():
            rng = np.random.default_rng([examined.seed, _AFTER_PART])
            scans = ((control(levels, bits, rng), bits) for levels, bits in examined.attacked(rows))
            what = f"{cell_name(cell.attack, cell.eps, cell.region)}, {change}"
            seen = examined.look(scans, len(rows), what)
            fooling = seen.preds != labels
            found.append(
                SurvivorRow(
                    change=change,
                    attack=cell.attack,
                    eps=cell.eps,
                    region=cell.region,
                    n=len(rows),
                    fooling=rate(int(fooling.sum()), len(rows)),
                    flagged_fooling=examined.flagged(seen.score[fooling]),
                    flagged=examined.flagged(seen.score),
                )
            )
    return tuple(found)


def _attacked_with_nothing(examined: Examined) -> Iterator[Scan]:
    attack = create("pgd", {"eps": 0, "steps": 1})
    for item, (levels, bits) in zip(examined.items, clean_scans(examined.dataset, examined.items), strict=True):
        label = examined.dataset.labels[[int(item)]]
        yield attack_levels(examined.network.model, attack, levels[None], bits, label).levels[0], bits


def _written(scans: Iterator[Scan], file_format: str) -> Iterator[Scan]:
    for levels, bits in scans:
        image = decode(encode(levels, bits, file_format))
        yield image.levels, image.bits


def _fits(examined: Examined, item: int, file_format: str) -> bool:
    one = examined.dataset.items[item]
    try:
        check_fits(one.shape[2], one.bits, file_format)
    except BadImage:
        return False
    return True
