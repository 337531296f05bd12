"""Which clean calibration scans of a detector become the overlays of STRIP, and which set its threshold."""

from dataclasses import dataclass

import numpy as np

from datasets.store import Dataset, open_dataset
from detector import errors as detector_errors
from detector.conformal import require_support, supported_alpha, supports
from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import Lineage, lineage
from pipeline.detection.local_scans import local_scans
from pipeline.errors import BadStrip, NotEnoughClean, UnknownArtefact
from pipeline.gate.strip_choice import N_OVERLAYS, PARTS, StripChoice

_FEWER = (3, 2)
"""Overlays to fall back on where the usual number leaves too few scans; each step finds less of a weak backdoor."""


@dataclass(frozen=True)
class StripScans:
    """Items of the data set that a detector is calibrated on.

    Attributes:
        choice: by which they were drawn.
        dataset: that they are of.
        overlays: (m,), are drawn to be mixed with others; by parts so many of them as are asked for will be.
        calibrating: (n,), set the threshold; none of them is an overlay, or looks like one.
    """

    choice: StripChoice
    dataset: Dataset
    overlays: np.ndarray
    calibrating: np.ndarray


def strip_scans(root: DataRoot, detector_id: str, choice: StripChoice) -> StripScans:
    """Draw the overlays among a detector's calibration scans; reading them loads no torch.

    Raises:
        BadStrip: more overlays than scans are asked for, or the data set of the scans is gone or another one.
        NotEnoughClean: the other scans cannot support the rate; names the one that they do.
        UnknownArtefact: the detector is gone.
    """
    origin = lineage(root, detector_id)
    if choice.n_drawn >= origin.n_calibration:
        raise BadStrip(
            f"{choice.n_drawn} of {origin.n_calibration} clean calibration images for overlays; expected fewer, since "
            "the others set the threshold: choose fewer overlays, or recalibrate on more images"
        )
    dataset, items = _calibration(root, origin)
    overlays, others = _divided(dataset, items, choice)
    _require_support(len(others), choice)
    return StripScans(choice, dataset, overlays, np.sort(others))


def strip_preset(root: DataRoot, detector_id: str) -> StripChoice | None:
    """What STRIP can be at a release where nobody chose: as many overlays as usual, and the lowest rate from 1 % on.

    Fewer overlays where the usual ones leave too few scans for any rate on offer; None where even those do.

    Raises:
        BadStrip: the data set of the calibration scans is gone or another one.
        UnknownArtefact: the detector is gone.
    """
    dataset, items = _calibration(root, lineage(root, detector_id))
    for n_overlays in (N_OVERLAYS[PARTS], *_FEWER):
        n_left = len(_divided(dataset, items, StripChoice(n_overlays=n_overlays))[1])
        rate = supported_alpha(n_left)
        if supports(n_left, rate):
            return StripChoice(n_overlays=n_overlays, rate=rate)
    return None


def _divided(dataset: Dataset, items: np.ndarray, choice: StripChoice) -> tuple[np.ndarray, np.ndarray]:
    """The overlays, and the scans that are left to calibrate on."""
    drawn = np.random.default_rng(choice.seed).permutation(items)
    overlays, others = drawn[: choice.n_drawn], drawn[choice.n_drawn :]
    # A look-alike of an overlay is no stranger to it, as the scans to come will be.
    return overlays, others[~np.isin(dataset.groups[others], dataset.groups[overlays])]


def _calibration(root: DataRoot, origin: Lineage) -> tuple[Dataset, np.ndarray]:
    dataset_id, splits = origin.calibrated_on
    try:
        dataset = open_dataset(root.find("datasets", dataset_id))
    except UnknownArtefact as e:
        raise BadStrip(
            f"data set {dataset_id}, on which detector {origin.detector_id} is calibrated, is not here, and STRIP "
            "takes its overlays from there; import it again, or release without STRIP"
        ) from e
    items = dataset.indices(*splits)
    if len(items) != origin.n_calibration:
        # A recalibration takes one of each group of look-alikes; as many items would have been the same ones.
        items = local_scans(root, origin, dataset, splits).items
    if len(items) != origin.n_calibration:
        raise BadStrip(
            f"data set {dataset_id} has {len(items)} scans to calibrate on, detector {origin.detector_id} was "
            f"calibrated on {origin.n_calibration}; recalibrate it, or release without STRIP"
        )
    return dataset, items


def _require_support(n: int, choice: StripChoice) -> None:
    try:
        require_support(n, choice.rate)
    except detector_errors.NotEnoughClean as e:
        raise NotEnoughClean(
            f"STRIP, with {choice.n_drawn} of the calibration images for overlays: {e}; or choose fewer overlays",
            supported_alpha=e.supported_alpha,
        ) from e
