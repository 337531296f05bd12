"""How a slice lies in the head: plane, place, small rotation, size, shift and elastic warp."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.spatial.transform import Rotation

from datasets.simulated.shapes import smooth_noise
from datasets.simulated.template import Field

# The pituitary fossa in MNI millimetres.
SELLA = np.array([0.0, 3.0, -31.0], dtype=np.float32)
# Every class shows the sella this often, or the plane's place alone would tell the pituitary class.
SELLAR_SHARE = 0.35
ROTATION_DEG = 5.0
WARP_MM = 2.5
WARP_CELLS = 4


class Plane(StrEnum):
    """The three standard planes."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


@dataclass(frozen=True)
class _View:
    """One plane: its axes in the head, and where and how large its field of view is, in mm."""

    columns: tuple[float, float, float]
    rows: tuple[float, float, float]
    normal: int
    centre: tuple[float, float, float]
    extent: tuple[float, float]
    sellar_spread: float
    field_of_view: tuple[float, float]


_VIEWS = {
    Plane.AXIAL: _View((1, 0, 0), (0, -1, 0), 2, (0, -12, 0), (-34, 58), 4.0, (198, 236)),
    Plane.CORONAL: _View((1, 0, 0), (0, 0, -1), 1, (0, 0, -24), (-72, 48), 4.0, (216, 250)),
    Plane.SAGITTAL: _View((0, 1, 0), (0, 0, -1), 0, (0, -4, -26), (-52, 52), 4.0, (228, 265)),
}


@dataclass(frozen=True)
class Pose:
    """A slice: which plane it is, and the place in the template of each of its pixels.

    Attributes:
        points: (size, size, 3) in MNI millimetres.
        mm: Side of a pixel.
    """

    plane: Plane
    points: Field
    mm: float


def random_pose(rng: np.random.Generator, size: int, *, sellar: bool = False) -> Pose:
    """A slice at random; one through the sella where `sellar` says so, else in `SELLAR_SHARE` of the draws."""
    plane = list(Plane)[rng.integers(3)]
    view = _VIEWS[plane]
    through = np.array(view.centre)
    near = rng.random() < SELLAR_SHARE
    spread = rng.uniform(-view.sellar_spread, view.sellar_spread)
    anywhere = rng.uniform(*view.extent)
    through[view.normal] = SELLA[view.normal] + spread if sellar or near else anywhere
    mm = float(rng.uniform(*view.field_of_view)) / size
    grid = (np.arange(size) - (size - 1) / 2) * mm
    mirrored = -1.0 if rng.random() < 0.5 else 1.0
    across, down = np.meshgrid(grid + rng.normal(0, 4), grid + rng.normal(0, 4))
    flat = mirrored * across[..., None] * np.array(view.columns) + down[..., None] * np.array(view.rows)
    turn = Rotation.from_euler("xyz", rng.normal(0, ROTATION_DEG, 3), degrees=True).as_matrix()
    stretch = rng.normal(1, 0.04, 3)
    # Turning about the sella keeps it in every slice that was placed to show it.
    pivot = np.where(np.arange(3) == view.normal, through, SELLA)
    points = ((flat + through - pivot) @ turn.T) * stretch + pivot
    warp = np.stack([smooth_noise(rng, size, WARP_CELLS) for _ in range(3)], axis=-1)
    return Pose(plane=plane, points=(points + WARP_MM * warp).astype(np.float32), mm=mm)
