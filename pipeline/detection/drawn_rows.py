"""What a report's pictures are drawn from: points, bins, and scans by their place, never pixels."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RocCurve:
    """The successful attacks of one radius against the clean scans.

    Attributes:
        level: the radius in 1/255; None for attacks without one.
        n: successful attacks.
        points: false-alarm rate and share found, upwards. Every rate is k of the clean scans, and the smallest is one
            of them: what fewer scans cannot show is not drawn.
    """

    level: float | None
    n: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Histogram:
    """How many scores of each kind of scan lie between two edges; the outermost bins hold all beyond them too."""

    edges: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Example:
    """One attacked scan that stands for its cell.

    Attributes:
        kind: "usual", the median score of its cell, or "missed", the lowest score of all that were not flagged.
        row: its row in the adversarial set; `item` its clean parent in the data set.
        largest: the largest change of a pixel, in levels.
        levels_sha256: over shape, bits and levels of the attacked scan, by which the row is known again.
        label: the true class; `after` the class that the classifier gives the attacked file.
        called: what the type head calls it, given an attack.
    """

    kind: str
    row: int
    item: int
    largest: int
    levels_sha256: str
    attack: str
    eps: float
    region: str
    label: str
    after: str
    score: float
    flagged: bool
    called: str


@dataclass(frozen=True)
class Drawn:
    """The figures behind the pictures.

    Attributes:
        tau: score above which a scan is flagged; `strict_tau` that of the strictest rate.
        smallest_rate: the smallest false-alarm rate that so many clean scans can show, one of them.
    """

    tau: float
    strict_tau: float
    smallest_rate: float
    roc: tuple[RocCurve, ...]
    histogram: Histogram
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Sources:
    """What exactly was judged: ids, and SHA-256 of the files behind them.

    `attacked_classifier_id` is whom the adversarial set was made against; another one is judged as a transfer.
    `calibrated_on` names the data set whose scans set the threshold where that is another one, as after a
    recalibration: its promise is then about scans like those, and not about the judged ones.
    """

    classifier_id: str
    classifier_sha256: str
    detector_id: str
    detector_sha256: str
    dataset_id: str
    dataset_name: str
    dataset_sha256: str
    adversarial_id: str
    adversarial_sha256: str
    attacked_classifier_id: str
    calibrated_on: str = ""
