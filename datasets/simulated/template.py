"""The MNI152 template as three volumes to sample: grey matter, white matter, distance from the brain."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from datasets.errors import DatasetError

# Single precision throughout; numpy's own types cannot say that Python numbers keep it so.
Field = NDArray[np.float32 | np.float64]

# Voxel of the anterior commissure, from the affine of the shipped files (1 mm, axes right, anterior, superior).
ORIGIN = np.array([98.0, 134.0, 72.0], dtype=np.float32)
# The head reaches further than the brain's own box: the distance map is padded by this much on every side.
MARGIN_MM = 48
COARSE_MM = 3
# Closes the gaps between the lobes, so that skull runs over the fissures instead of into them.
CLOSING_MM = 12


@dataclass(frozen=True)
class Template:
    """Volumes of the template; `sample` reads them at points in millimetres.

    Attributes:
        grey: (197, 233, 189) uint8 at 1 mm, 255 is all grey matter.
        white: The same for white matter.
        outside: Distance in mm from the surface of the brain at 3 mm, negative inside, padded by `MARGIN_MM`.
    """

    grey: NDArray[np.uint8]
    white: NDArray[np.uint8]
    outside: Field

    def tissue(self, points: Field) -> tuple[Field, Field]:
        """Grey and white matter in [0, 1] at points (..., 3) in mm; 0 beyond the template."""
        voxels = np.moveaxis(points + ORIGIN, -1, 0)
        return _read(self.grey, voxels) / 255, _read(self.white, voxels) / 255

    def distance(self, points: Field) -> Field:
        """Distance from the brain in mm at points (..., 3) in mm, negative inside."""
        voxels = np.moveaxis((points + ORIGIN + MARGIN_MM) / COARSE_MM, -1, 0)
        return _read(self.outside, voxels, mode="nearest")


@cache
def load_template() -> Template:
    """The template, read once a process from the files that ship inside nilearn.

    The MNI ICBM152 2009a symmetric maps; nilearn itself is not imported, since that takes seconds.

    Raises:
        DatasetError: nilearn or its files are not installed.
    """
    brain = _volume("t1") > 0
    return Template(grey=_volume("gm"), white=_volume("wm"), outside=_distance(brain))


def _volume(kind: str) -> NDArray[np.uint8]:
    found = find_spec("nilearn")
    places = found.submodule_search_locations if found else None
    if not places:
        raise DatasetError("the MNI152 template ships inside nilearn, which is not installed: run `make install`")
    path = Path(places[0]) / "datasets" / "data" / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
    if not path.is_file():
        raise DatasetError(f"{path.name} is not in the installed nilearn: run `make install` for the pinned release")
    return np.ascontiguousarray(np.asanyarray(nibabel.load(path).dataobj), dtype=np.uint8)


def _distance(brain: NDArray[np.bool_]) -> Field:
    coarse = np.pad(brain, MARGIN_MM)[::COARSE_MM, ::COARSE_MM, ::COARSE_MM]
    reach = CLOSING_MM / COARSE_MM
    near = ndimage.distance_transform_edt(~coarse) <= reach
    closed = ndimage.distance_transform_edt(near) > reach
    signed = ndimage.distance_transform_edt(~closed) - ndimage.distance_transform_edt(closed)
    smooth: Field = ndimage.gaussian_filter(signed * COARSE_MM, 1.0).astype(np.float32)
    return smooth


def _read(volume: NDArray[np.uint8] | Field, voxels: Field, *, mode: str = "constant") -> Field:
    values: Field = ndimage.map_coordinates(volume, voxels, order=1, mode=mode, output=np.float32)
    return values
