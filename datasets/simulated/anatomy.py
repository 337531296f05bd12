"""A healthy head in one slice: brain from the template, skull, scalp and face drawn around it."""

from dataclasses import dataclass

import numpy as np

from datasets.simulated.contrast import Palette, Tissue, paint
from datasets.simulated.face import draw_face, skin_depth
from datasets.simulated.shapes import band, below, radius_in, smooth_noise
from datasets.simulated.template import Field, Template

# Layers by distance from the brain, in mm.
CSF_MM = 2.0
DURA_MM = 1.5
SKULL_MM = (5.0, 8.0)
# A gyrus is about this wide; the template, an average of 152 brains, has lost most sulci.
GYRUS_MM = 11.0


@dataclass(frozen=True)
class Head:
    """One person's head in one slice, each (size, size).

    Attributes:
        points: Place in the template of each pixel, mm, (size, size, 3).
        outside: Distance from the brain in mm, negative inside.
        skull_mm: Thickness of the skull.
        folds: Smooth noise with bumps as wide as a gyrus: where sulci run.
        texture: Fine noise, for tissue that is not even.
        mm: Side of a pixel.
    """

    template: Template
    points: Field
    outside: Field
    skull_mm: Field
    folds: Field
    texture: Field
    mm: float

    @property
    def intracranial(self) -> Field:
        """1 inside the skull, 0 outside of it."""
        return below(self.outside, CSF_MM, edge=1.5)


def random_head(rng: np.random.Generator, template: Template, points: Field, mm: float) -> Head:
    """A head at random: its skull, its sulci and the texture of its tissue."""
    size = points.shape[0]
    cells = max(2, round(size * mm / GYRUS_MM))
    thickness = rng.uniform(*SKULL_MM) + 0.8 * smooth_noise(rng, size, 5)
    return Head(
        template=template,
        points=points,
        outside=template.distance(points),
        skull_mm=np.clip(thickness, 3, 12),
        folds=smooth_noise(rng, size, cells),
        texture=smooth_noise(rng, size, size // 2),
        mm=mm,
    )


def draw_head(head: Head, palette: Palette, *, pushed: Field | None = None) -> Field:
    """The signal of a head without lesion, (size, size).

    Args:
        head: What to draw.
        palette: Signal of each tissue.
        pushed: Points to read the brain at, where a lesion displaces it; skull and face stay in place.
    """
    canvas = np.full(head.outside.shape, palette[Tissue.AIR], dtype=np.float32)
    depth = skin_depth(head.points, head.outside, scalp_mm=CSF_MM + head.skull_mm + 6)
    draw_face(canvas, head.points, depth, palette, folds=head.folds, texture=head.texture)
    _draw_skull(canvas, head, depth, palette)
    _draw_brain(canvas, head, head.points if pushed is None else pushed, palette)
    _draw_vessels(canvas, head, palette)
    return canvas


def _draw_skull(canvas: Field, head: Head, depth: Field, palette: Palette) -> None:
    outer = CSF_MM + head.skull_mm
    skin = below(-depth, 0.0)
    paint(canvas, band(head.outside, CSF_MM, outer) * skin, palette[Tissue.BONE])
    middle = CSF_MM + head.skull_mm / 2
    marrow = band(head.outside, middle - head.skull_mm / 5, middle + head.skull_mm / 5, edge=1.5)
    paint(canvas, marrow * skin * np.clip(0.75 + 0.2 * head.folds, 0, 1), palette[Tissue.MARROW])
    paint(canvas, band(head.outside, CSF_MM - DURA_MM, CSF_MM, edge=1.5) * 0.6, palette[Tissue.DURA])


def _draw_brain(canvas: Field, head: Head, points: Field, palette: Palette) -> None:
    grey, white = head.template.tissue(points)
    inside = head.intracranial
    paint(canvas, inside * below(head.outside, CSF_MM - DURA_MM / 2), palette[Tissue.CSF])
    # Averaging 152 brains blurred the borders; steeper ones bring back those of a single person.
    total = np.clip((grey + white - 0.45) * 2.2, 0, 1)
    pure = np.clip((white - 0.5) * 1.8 + 0.5, 0, 1)
    cortex = band(head.outside, -16.0, CSF_MM, edge=6.0) * (1 - 0.8 * pure)
    sulci = below(np.abs(head.folds), 0.16, edge=0.2) * cortex
    paint(canvas, inside * total * (1 - 0.75 * sulci), palette[Tissue.GREY])
    paint(canvas, inside * total * pure * (1 - 0.5 * sulci), palette[Tissue.WHITE])
    canvas *= 1 + inside * 0.02 * head.texture
    falx = below(np.abs(points[..., 0]), 0.8) * below(-points[..., 2], -18.0) * (1 - total)
    paint(canvas, falx * inside * 0.8, palette[Tissue.DURA])


def _draw_vessels(canvas: Field, head: Head, palette: Palette) -> None:
    points = head.points
    mirrored = np.abs(points)[..., :1]
    paired = np.concatenate([mirrored, points[..., 1:]], axis=-1)
    top = below(-points[..., 2], -10.0) + below(points[..., 1], -80.0)
    sinus = below(np.hypot(points[..., 0], head.outside - 1.0), 3.5) * np.clip(top, 0, 1)
    cavernous = below(radius_in(paired, (13, 0, -35), (4, 9, 5)), 1.0, edge=0.3)
    gland = below(radius_in(points, (0, 1, -35), (5, 4, 3)), 1.0, edge=0.3)
    cerebral = below(radius_in(paired, (20, -2, -27), (14, 1.5, 1.5)), 1.0, edge=0.4) * 0.6
    paint(canvas, sinus, palette[Tissue.VESSEL])
    paint(canvas, np.maximum(cavernous, cerebral), palette[Tissue.VESSEL])
    paint(canvas, gland, palette[Tissue.ADENOMA])
