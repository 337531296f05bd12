"""What the lab knows of a repair of data that it poisoned itself: what became of each poisoned image."""

from dataclasses import asdict, dataclass

import numpy as np

from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import UnknownArtefact
from pipeline.poisoning.poison import known_poison, poison_record
from pipeline.provenance.opening import checked_dataset


@dataclass(frozen=True)
class Truth:
    """Training images of the suspected data set, by what they are in truth and by what the repair did to them.

    Attributes:
        n_poisoned: whose label or picture is not the clean one.
        n_dropped: of those.
        n_restored: of those, relabelled with the clean label; a trigger stays on the picture.
        n_mislabelled: of those, relabelled with another.
        n_left: of those, neither dropped nor relabelled.
        n_honest: all other training images.
        n_honest_dropped: of those.
        n_honest_relabelled: of those; they carry a wrong label now.
    """

    n_poisoned: int
    n_dropped: int
    n_restored: int
    n_mislabelled: int
    n_left: int
    n_honest: int
    n_honest_dropped: int
    n_honest_relabelled: int

    def to_json(self) -> dict[str, object]:
        """The counts as JSON values."""
        return asdict(self)

    @property
    def words(self) -> str:
        """The counts in a sentence."""
        return (
            f"Of the {self.n_poisoned} images that the lab had poisoned, {self.n_dropped} were dropped,"
            f" {self.n_restored} got their clean label back, {self.n_mislabelled} got another label and {self.n_left}"
            f" were left as they are. Of {self.n_honest} honest images {self.n_honest_dropped} were dropped and"
            f" {self.n_honest_relabelled} got a wrong label."
        )


def poisoned_items(dataset: Dataset, root: DataRoot) -> np.ndarray | None:
    """Training images whose label or picture is not the clean one, (n,) int64; None where the lab poisoned nothing.

    Raises:
        BrokenHistory: the clean data set is not what its history says, so that it says nothing of the others.
        UnknownArtefact: it is gone.
    """
    record = known_poison(dataset, root)
    if record is None:
        return None
    clean = checked_dataset(root.find("datasets", record.parent))
    train = set(dataset.indices("train").tolist())
    return np.array([i for i in record.items.tolist() if i in train and _differs(dataset, clean, i)], dtype=np.int64)


def known_items(dataset: Dataset, root: DataRoot) -> np.ndarray | None:
    """The same; where the clean data are gone, every image of the lab's record, and None for what was repaired.

    Raises:
        BrokenHistory: as `poisoned_items` does.
    """
    try:
        return poisoned_items(dataset, root)
    except UnknownArtefact:
        record = poison_record(dataset)
        return None if record is None else record.items


def truth_of(suspected: Dataset, repaired: Dataset, root: DataRoot) -> Truth | None:
    """What became of the poisoned images and of the honest ones; None where the lab does not know.

    Raises:
        BrokenHistory: the clean data set is not what its history says, so that it says nothing of the others.
        UnknownArtefact: it is gone.
    """
    record, poisoned = known_poison(suspected, root), poisoned_items(suspected, root)
    if record is None or poisoned is None:
        return None
    clean = checked_dataset(root.find("datasets", record.parent))
    rows, kept = suspected.indices("train"), repaired.indices("train")
    is_bad, is_kept = np.isin(rows, poisoned), np.isin(rows, kept)
    relabelled = is_kept & (suspected.labels[rows] != repaired.labels[rows])
    restored = relabelled & (repaired.labels[rows] == clean.labels[rows])
    return Truth(
        n_poisoned=int(is_bad.sum()),
        n_dropped=int((is_bad & ~is_kept).sum()),
        n_restored=int((is_bad & restored).sum()),
        n_mislabelled=int((is_bad & relabelled & ~restored).sum()),
        n_left=int((is_bad & is_kept & ~relabelled).sum()),
        n_honest=int((~is_bad).sum()),
        n_honest_dropped=int((~is_bad & ~is_kept).sum()),
        n_honest_relabelled=int((~is_bad & relabelled & ~restored).sum()),
    )


def _differs(dataset: Dataset, clean: Dataset, index: int) -> bool:
    one, other = dataset.items[index], clean.items[index]
    return one.label != other.label or one.pixels_sha256 != other.pixels_sha256
