"""What a detector is judged on must be new to it and to its classifier; reading it loads no torch."""

from collections.abc import Mapping

from datasets.splits import DROPPED
from datasets.store import Dataset, open_dataset
from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import RESERVED, Lineage
from pipeline.errors import BadDetector, UnknownArtefact

_BY_CLASSIFIER, _BY_DETECTOR = ("train", "val", DROPPED), ("train", "val", DROPPED, "detector")
_THRESHOLD = "its threshold is set on it"


def require_unseen(root: DataRoot, origin: Lineage, dataset: Dataset, split: str) -> None:
    """Refuse a split that the models learned from, and one with scans of such a split of another data set.

    Args:
        root: where the data sets are that they learned from; one that is gone cannot be looked at.
        origin: the detector's.
        dataset: what it is to be judged on, or attacked with.
        split: of that data set.

    Raises:
        BadDetector: a figure made there would promise too much.
    """
    if reason := _learned(origin, dataset.id).get(split):
        raise BadDetector(
            f"{dataset.name}, split {split}: {reason}, so that a figure there promises too much; give the split test, "
            "or another data set"
        )
    known = _known_pixels(root, origin, without=dataset.id)
    inside = dataset.indices(split).tolist()
    n = sum(dataset.items[index].pixels_sha256 in known for index in inside)
    if n:
        raise BadDetector(
            f"{dataset.name}, split {split}: {n} of {len(inside)} scans are ones that the detector or its classifier "
            "learned from, so that a figure there promises too much; import the scans without them"
        )


def _learned(origin: Lineage, dataset_id: str) -> Mapping[str, str]:
    """Which splits of a data set are no news to the detector, each with the reason."""
    splits: tuple[str, ...] = _BY_CLASSIFIER if dataset_id in origin.classifier_dataset_ids else ()
    splits = _BY_DETECTOR if dataset_id == origin.dataset_id else splits
    calibrating = origin.calibrated_on[1] if dataset_id == origin.calibrated_on[0] else ()
    return {split: RESERVED[split] for split in splits} | dict.fromkeys(calibrating, _THRESHOLD)


def _known_pixels(root: DataRoot, origin: Lineage, *, without: str) -> set[str]:
    """Hashes of the scans in such splits of all data sets but one."""
    pixels: set[str] = set()
    for dataset_id in {origin.dataset_id, origin.calibrated_on[0], *origin.classifier_dataset_ids} - {without}:
        try:
            folder = root.find("datasets", dataset_id)
        except UnknownArtefact:
            continue
        splits = _learned(origin, dataset_id)
        pixels.update(item.pixels_sha256 for item in open_dataset(folder).items if item.split in splits)
    return pixels
