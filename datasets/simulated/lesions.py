"""Lesions of three kinds: where each grows, how it pushes the brain, what it looks like."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datasets.simulated.anatomy import CSF_MM, Head
from datasets.simulated.contrast import Palette, Tissue, paint
from datasets.simulated.pose import SELLA
from datasets.simulated.shapes import band, below, radius_in, smooth_noise
from datasets.simulated.template import Field


class Lesion(Protocol):
    """Something that grows in a head."""

    def push(self, points: Field) -> Field:
        """Points to read the brain at: the lesion has moved what lay at them to `points`."""
        ...

    def draw(self, canvas: Field, head: Head, palette: Palette) -> None:
        """Draw the lesion over the head, in place."""
        ...


@dataclass(frozen=True)
class _Mass:
    """A place and a size in mm, in the template's space."""

    centre: Field
    radii: Field

    def push(self, points: Field, strength: float) -> Field:
        """Points moved towards the centre by up to `strength` radii, less with distance, so that tissue is kept."""
        away = points - self.centre
        reach = radius_in(points, self.centre, self.radii)[..., None]
        moved: Field = (points - strength * away * np.exp(-((reach / 1.5) ** 2))).astype(np.float32)
        return moved


@dataclass(frozen=True)
class Glioma:
    """Inside the brain: irregular, a broken bright rim around a dark core, oedema along the white matter."""

    mass: _Mass
    outline: Field
    patches: Field
    rim_width: float
    enhancing: bool
    oedema_reach: float

    def push(self, points: Field) -> Field:
        """As `Lesion.push`: an infiltrating growth displaces little."""
        return self.mass.push(points, 0.25)

    def draw(self, canvas: Field, head: Head, palette: Palette) -> None:
        """As `Lesion.draw`."""
        reach = radius_in(head.points, self.mass.centre, self.mass.radii) + 0.2 * self.outline
        # It stops at the pia: nothing of it lies outside the brain.
        brain = below(head.outside, -1.0, edge=2.0)
        _, white = head.template.tissue(self.push(head.points))
        spread = below(reach, 1 + self.oedema_reach * (0.5 + 0.5 * white) + 0.15 * self.patches, edge=0.35)
        paint(canvas, 0.8 * brain * spread * np.clip(0.3 + white, 0, 1), palette[Tissue.OEDEMA])
        paint(canvas, brain * below(reach, 1.0, edge=0.2), palette[Tissue.INFILTRATE])
        if not self.enhancing:
            return
        core = below(reach + 0.18 * self.patches, 1 - self.rim_width, edge=0.15)
        paint(canvas, brain * core, palette[Tissue.NECROSIS])
        rim = band(reach, 1 - self.rim_width, 1.0, edge=0.15) + 0.5 * below(-self.patches, -1.0, edge=0.5) * core
        broken = np.clip(0.75 + 0.45 * self.patches, 0, 1)
        paint(canvas, brain * np.clip(rim, 0, 1) * broken, palette[Tissue.RIM])


@dataclass(frozen=True)
class Meningioma:
    """Outside the brain, on the dura or the falx: round, smooth, evenly bright, with a cleft and a push."""

    mass: _Mass
    outline: Field
    oedema_reach: float

    def push(self, points: Field) -> Field:
        """As `Lesion.push`: the brain gives way to it."""
        return self.mass.push(points, 0.6)

    def draw(self, canvas: Field, head: Head, palette: Palette) -> None:
        """As `Lesion.draw`."""
        reach = radius_in(head.points, self.mass.centre, self.mass.radii) + 0.04 * self.outline
        brain = below(head.outside, -1.0, edge=2.0)
        paint(canvas, 0.7 * brain * below(reach, 1.1 + self.oedema_reach, edge=0.3), palette[Tissue.OEDEMA])
        paint(canvas, brain * below(reach, 1.12, edge=0.15), palette[Tissue.CSF])
        # The dural tail: enhancing dura that thins out along the skull from the base of the growth.
        tail = band(head.outside, CSF_MM - 2.5, CSF_MM, edge=1.5) * below(reach, 1.5, edge=0.4)
        paint(canvas, 0.8 * tail, palette[Tissue.MENINGIOMA])
        body = head.intracranial * below(reach, 1.0, edge=0.12)
        paint(canvas, body, palette[Tissue.MENINGIOMA])
        canvas *= 1 + 0.05 * body * head.texture


@dataclass(frozen=True)
class PituitaryAdenoma:
    """In the sella, on the midline: small, round, even, growing upwards into the cistern."""

    mass: _Mass
    outline: Field
    cyst: float

    def push(self, points: Field) -> Field:
        """As `Lesion.push`: it lifts what lies above."""
        return self.mass.push(points, 0.4)

    def draw(self, canvas: Field, head: Head, palette: Palette) -> None:
        """As `Lesion.draw`: it may erode the bone below, so the skull does not stop it."""
        reach = radius_in(head.points, self.mass.centre, self.mass.radii) + 0.05 * self.outline
        paint(canvas, below(reach, 1.15, edge=0.2), palette[Tissue.CSF])
        body = below(reach, 1.0, edge=0.15)
        paint(canvas, body, palette[Tissue.ADENOMA])
        canvas *= 1 + 0.05 * body * head.texture
        inner = radius_in(head.points, self.mass.centre + self.mass.radii * (0, 0.2, 0.3), self.mass.radii)
        paint(canvas, below(inner, self.cyst, edge=0.2), palette[Tissue.NECROSIS])


def random_glioma(rng: np.random.Generator, head: Head) -> Lesion:
    """A glioma in the white matter, as deep as the slice allows."""
    candidates = _pixels(rng, head)
    outside, points = head.outside[candidates], head.points[candidates]
    _, white = head.template.tissue(points)
    radius = rng.uniform(14, 24)
    suits = np.clip(white, 0.1, 1) * np.clip(-outside / radius, 0.05, 1)
    centre = points[int(np.argmax(suits * rng.random(len(suits))))]
    size = head.outside.shape[0]
    return Glioma(
        mass=_Mass(centre, (radius * rng.uniform(0.8, 1.25, 3)).astype(np.float32)),
        outline=smooth_noise(rng, size, _cells(head, 0.6 * radius)),
        patches=smooth_noise(rng, size, _cells(head, 7)),
        rim_width=float(rng.uniform(0.3, 0.5)),
        enhancing=bool(rng.random() < 0.92),
        oedema_reach=float(rng.uniform(0.3, 1.0)),
    )


def random_meningioma(rng: np.random.Generator, head: Head) -> Lesion:
    """A meningioma on the convexity, or on the falx where the slice shows one."""
    candidates = _pixels(rng, head)
    outside, points = head.outside[candidates], head.points[candidates]
    radius = rng.uniform(13, 22)
    on_skull = np.exp(-(((outside + 0.6 * radius) / 3) ** 2)) * (points[:, 2] > -40)
    on_falx = np.exp(-(((np.abs(points[:, 0]) - 0.7 * radius) / 3) ** 2)) * (points[:, 2] > 30)
    suits = on_skull + 0.4 * on_falx * (outside < 0)
    centre = points[int(np.argmax((suits + 1e-6) * rng.random(len(suits))))]
    size = head.outside.shape[0]
    return Meningioma(
        mass=_Mass(centre, (radius * rng.uniform(0.88, 1.12, 3)).astype(np.float32)),
        outline=smooth_noise(rng, size, _cells(head, radius)),
        oedema_reach=float(rng.uniform(0.1, 0.6)) if rng.random() < 0.4 else 0.0,
    )


def random_pituitary(rng: np.random.Generator, head: Head) -> Lesion:
    """A pituitary adenoma; the slice must show the sella, see `random_pose`."""
    radius = rng.uniform(8, 13)
    radii = radius * np.array([1.0, 1.0, rng.uniform(1.0, 1.35)])
    # Its floor is the sella's: the larger, the higher its centre.
    centre = SELLA + np.array([rng.normal(0, 1.5), rng.normal(0, 1.5), radii[2] - 9])
    return PituitaryAdenoma(
        mass=_Mass(centre.astype(np.float32), radii.astype(np.float32)),
        outline=smooth_noise(rng, head.outside.shape[0], _cells(head, radius)),
        cyst=float(rng.uniform(0.3, 0.6)) if rng.random() < 0.2 else 0.0,
    )


def _pixels(rng: np.random.Generator, head: Head) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of 256 pixels inside the skull, drawn at random."""
    rows, columns = np.nonzero(head.outside < 0)
    chosen = rng.integers(len(rows), size=256)
    return rows[chosen], columns[chosen]


def _cells(head: Head, bump_mm: float) -> int:
    """Bumps along a side of the slice so that each is about `bump_mm` wide."""
    bumps: float = head.outside.shape[0] * head.mm / bump_mm
    return max(2, round(bumps))
