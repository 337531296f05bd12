"""What is left of attacks when their images are written as files of other kinds.

An attack that is judged on one file need not fool on another: fewer bits round it, a JPEG smooths it. Here the same
images are attacked plainly and through JPEG (`through_jpeg.py`), and what comes out is written in each form, decoded,
and shown to the classifier.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from datasets.encoding import FORMATS
from datasets.image import MIN_BITS, to_unit, with_bits
from datasets.progress import Progress, ignore
from pipeline.attacks.attack import Attack
from pipeline.attacks.outcome import NO_TARGET, LatticeResult
from pipeline.attacks.run import Target, attack_levels
from pipeline.attacks.written import FileForm
from pipeline.errors import BadAttack
from pipeline.evaluation import wilson_interval
from pipeline.models.adapter import PixelModel

QUALITIES = (95, 90, 75)
_LOSSLESS = (("png", 8), ("png", 16), ("tiff", 8), ("tiff", 16), ("dicom", 8), ("dicom", 12), ("dicom", 16))
_COUNTS = ("n_right", "n_success", "n_survived", "n_fooled")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of attack, written as one kind of file; all counts are of images.

    `n_right` had the classifier right on the clean image, as the attack met it and as it is in this kind of file, so
    that what the file does by itself is not put down to the attack. Of these, `n_success` fooled on the attack's own
    file, `n_survived` on that and on this one, and `n_fooled` on this one.
    """

    attacked_through: int | None  # The quality of the JPEG that the attack saw, None for a plain attack.
    file_format: str
    bits: int
    quality: int | None
    n_right: int
    n_success: int
    n_survived: int
    n_fooled: int

    def to_json(self) -> dict[str, object]:
        """Counts and shares as JSON values; a share is None where there was nothing to count."""
        return {
            **asdict(self),
            "survived": _share(self.n_survived, self.n_success),
            "fooled": _share(self.n_fooled, self.n_right),
        }


def survival(
    model: PixelModel,
    attack: Attack,
    levels: np.ndarray,
    bits: int,
    y: np.ndarray,
    *,
    target: Target = None,
    qualities: Sequence[int] = QUALITIES,
    seed: int = 0,
    batch_size: int = 32,
    progress: Progress = ignore,
) -> tuple[Cell, ...]:
    """Attack images of one shape plainly and through each quality of JPEG, and count what each kind of file keeps.

    A JPEG has 8 bits: through it, deeper images are attacked as the 8-bit ones nearest to them. There is a cell for
    each attack and file, the plain attack and the lossless files first. The arguments are those of `attack_levels`;
    `qualities` are of the JPEG files, both to attack through and to write.

    Raises:
        BadAttack: values or shapes do not fit.
        BadImage: levels that are no image, or a quality that no JPEG has.
    """
    cells: list[Cell] = []
    for through in (None, *qualities):
        depth = bits if through is None else MIN_BITS
        clean = with_bits(levels, bits, depth)
        found = attack_levels(
            model,
            attack,
            clean,
            depth,
            y,
            target=target,
            file_format="png" if through is None else "jpeg",
            quality=through,
            through_file=through is not None,
            seed=seed,
            batch_size=batch_size,
            progress=progress,
        )
        for form, written_bits in _forms(levels.shape[3], qualities):
            seen = [_seen(model, images, depth, form, written_bits, batch_size) for images in (clean, found.levels)]
            cells.append(_cell(found, y, *seen, through=through, form=form, bits=written_bits))
    return tuple(cells)


def pooled(reports: Sequence[Sequence[Cell]]) -> tuple[Cell, ...]:
    """The cells of several groups of images as one: sums of counts, not means of shares.

    Raises:
        BadAttack: the reports have not the same cells.
    """
    names = [[(c.attacked_through, c.file_format, c.bits, c.quality) for c in report] for report in reports]
    if any(other != names[0] for other in names[1:]):
        raise BadAttack(
            "the reports are of different files; make them with the same qualities, of grey or of RGB images"
        )
    return tuple(
        replace(cells[0], **{name: sum(getattr(cell, name) for cell in cells) for name in _COUNTS})
        for cells in zip(*reports, strict=True)
    )


def _share(n_hits: int, n: int) -> dict[str, float] | None:
    if n == 0:
        return None
    low, high = wilson_interval(n_hits, n)
    return {"value": n_hits / n, "low": low, "high": high}


def _forms(channels: int, qualities: Sequence[int]) -> list[tuple[FileForm, int]]:
    """The files that images of so many channels can become, with their depth."""
    lossless = [
        (FileForm(file_format=name), bits)
        for name, bits in _LOSSLESS
        if bits in (FORMATS[name].grey_bits if channels == 1 else FORMATS[name].rgb_bits)
    ]
    return [*lossless, *((FileForm(file_format="jpeg", quality=quality), MIN_BITS) for quality in qualities)]


@torch.no_grad()
def _seen(
    model: PixelModel, levels: np.ndarray, bits: int, form: FileForm, written_bits: int, batch_size: int
) -> np.ndarray:
    """What the classifier says of images that were brought to another depth, written and read: (N,), -1 for NaN."""
    parts = []
    with model.frozen(channels_last=True):
        for start in range(0, len(levels), batch_size):
            read = form.as_read(with_bits(levels[start : start + batch_size], bits, written_bits), written_bits)
            pixels = torch.from_numpy(to_unit(read, written_bits)).permute(0, 3, 1, 2).to(model.mean.device)
            logits = model(pixels.contiguous(memory_format=torch.channels_last))
            parts.append(torch.where(logits.isfinite().all(1), logits.argmax(1), -1).cpu().numpy())
    return np.concatenate(parts)


def _cell(
    found: LatticeResult,
    y: np.ndarray,
    clean_preds: np.ndarray,
    preds: np.ndarray,
    *,
    through: int | None,
    form: FileForm,
    bits: int,
) -> Cell:
    right = (found.status != "clean_wrong") & (clean_preds == y)
    reached = np.where(found.target == NO_TARGET, preds != y, preds == found.target) & (preds >= 0)
    return Cell(
        attacked_through=through,
        file_format=form.file_format,
        bits=bits,
        quality=form.quality,
        n_right=int(right.sum()),
        n_success=int((right & found.success).sum()),
        n_survived=int((right & found.success & reached).sum()),
        n_fooled=int((right & reached).sum()),
    )
