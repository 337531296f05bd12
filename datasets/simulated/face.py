"""Scalp, face and neck: the template has none, a clinical slice does."""

import numpy as np

from datasets.simulated.contrast import Palette, Tissue, paint
from datasets.simulated.shapes import below, radius_in, smooth_union
from datasets.simulated.template import Field

Triple = tuple[float, float, float]

# Ellipsoids as (centre, radii) in MNI mm, set by eye against clinical slices; x is the distance from the midline.
_BULK: tuple[tuple[Triple, Triple], ...] = (
    ((0, 38, -72), (66, 52, 78)),
    ((0, 92, -66), (14, 17, 24)),
    ((0, 64, -122), (40, 34, 34)),
    ((79, -22, -50), (6, 13, 22)),
    ((30, 2, -76), (44, 44, 52)),
)
_NECK: tuple[Triple, Triple] = ((0, -38, -130), (62, 56, 110))
_PARTS: tuple[tuple[Tissue, Triple, Triple], ...] = (
    (Tissue.MUSCLE, (62, 22, -55), (10, 24, 38)),
    (Tissue.FAT, (34, 58, -36), (19, 27, 17)),
    (Tissue.MUSCLE, (34, 54, -36), (9, 26, 9)),
    (Tissue.EYE, (34, 72, -35), (13, 13, 13)),
    (Tissue.MARROW, (0, -12, -48), (13, 12, 18)),
    (Tissue.BONE, (40, -24, -42), (24, 11, 9)),
    (Tissue.AIR, (54, -32, -52), (9, 13, 14)),
    (Tissue.MUCOSA, (0, 58, -66), (17, 36, 20)),
    (Tissue.AIR, (6, 60, -66), (4, 32, 17)),
    (Tissue.AIR, (8, 52, -40), (6, 24, 13)),
    (Tissue.AIR, (7, 16, -50), (8, 11, 8)),
    (Tissue.MUCOSA, (32, 50, -70), (17, 19, 18)),
    (Tissue.AIR, (32, 50, -70), (15, 17, 16)),
    (Tissue.AIR, (9, 84, -8), (11, 4, 11)),
    (Tissue.MARROW, (0, 48, -90), (26, 36, 5)),
    (Tissue.MUSCLE, (0, 44, -112), (22, 36, 20)),
    (Tissue.MARROW, (38, 44, -128), (8, 40, 9)),
    (Tissue.AIR, (0, 6, -100), (11, 7, 44)),
    (Tissue.BONE, (0, -22, -110), (20, 12, 60)),
    (Tissue.MARROW, (0, -20, -92), (13, 8, 11)),
    (Tissue.MARROW, (0, -20, -116), (13, 8, 10)),
    (Tissue.MARROW, (0, -20, -139), (13, 8, 10)),
    (Tissue.CSF, (0, -44, -120), (10, 9, 60)),
    (Tissue.WHITE, (0, -45, -120), (6, 5, 60)),
)
# No part may shine through the braincase: below this distance from the brain only the skull is drawn.
_SKIN_MM = 4.0


def skin_depth(points: Field, outside: Field, *, scalp_mm: Field) -> Field:
    """Depth below the skin in mm, about; negative in the air around the head."""
    paired = _paired(points)
    depths = [scalp_mm - outside]
    for centre, radii in (*_BULK, _NECK):
        depths.append((1 - radius_in(paired, centre, radii)) * min(radii))
    joined = depths[0]
    for depth in depths[1:]:
        joined = smooth_union(joined, depth, 6.0)
    return joined


def draw_face(canvas: Field, points: Field, depth: Field, palette: Palette, *, folds: Field, texture: Field) -> None:
    """Draw everything outside the skull, in place; what lies inside is drawn over it afterwards.

    `folds` and `texture` are coarse and fine noise: planes of fat run between muscles along the zeros of `folds`.
    """
    skin = below(-depth, 0.0)
    fibres = np.clip(0.12 + 0.06 * texture + 0.6 * below(np.abs(folds), 0.12, edge=0.3), 0, 1)
    paint(canvas, skin, palette[Tissue.MUSCLE])
    paint(canvas, skin * fibres, palette[Tissue.FAT])
    paired = _paired(points)
    deep = below(-depth, -_SKIN_MM)
    for tissue, centre, radii in _PARTS:
        edge = 1.6 / min(radii)
        wobble = 1 + 0.07 * folds
        paint(canvas, deep * below(radius_in(paired, centre, radii), wobble, edge=edge), palette[tissue])
    paint(canvas, skin * below(depth, _SKIN_MM, edge=2.0) * 0.9, palette[Tissue.FAT])


def _paired(points: Field) -> Field:
    """Points with x as the distance from the midline, so that one ellipsoid draws both sides."""
    return np.concatenate([np.abs(points[..., :1]), points[..., 1:]], axis=-1)
