"""What the scans of a data set can do for a detector, before anything is ordered."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import lineage
from pipeline.detection.local_scans import LocalScans, OfferedRate, local_scans, offered_rates
from pipeline.errors import BadDetector
from webapp.context import context
from webapp.queries.artefacts import artefact
from webapp.queries.contents import open_stored_dataset
from webapp.records.artefacts import Artefact, ArtefactKind


@dataclass(frozen=True)
class LocalOffer:
    """What a data set's scans support, or why they are refused."""

    dataset: Artefact
    scans: LocalScans | None = None
    rates: Sequence[OfferedRate] = ()
    refusal: str = ""


def local_offer(detector: Artefact, dataset_id: str, splits: Sequence[str]) -> LocalOffer:
    """What the scans of these splits, or of all, support for the detector.

    Raises:
        UnknownRecord: there is no such data set.
    """
    row = artefact(ArtefactKind.DATASET, dataset_id)
    root = DataRoot(context().settings.data_root)
    try:
        scans = local_scans(root, lineage(root, detector.id), open_stored_dataset(row), splits)
    except BadDetector as e:
        return LocalOffer(row, refusal=str(e))
    return LocalOffer(row, scans, offered_rates(scans.n))
