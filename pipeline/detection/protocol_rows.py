"""The rows beside a detector's headline: what it could have learned instead, and what is left of an attack."""

from dataclasses import dataclass, field

from pipeline.detection.statistics import Interval


@dataclass(frozen=True)
class StrictRate:
    """The strictest false-alarm rate that figures are given at.

    Attributes:
        alpha: the rate that is asked for.
        rate: the rate that the figures are at: `alpha` where the calibration scans support it, else that of the
            highest of their scores.
        supported: whether the calibration scans support `alpha`.
        n_needed: how many clean calibration scans that takes.
        band: where the realised rate lies with 95 % probability.
    """

    alpha: float
    rate: float
    supported: bool
    n_needed: int
    band: tuple[float, float]


@dataclass(frozen=True)
class Coverage:
    """What the gate lets through of `n` clean scans, and how often the class is right there and overall."""

    n: int
    accepted: Interval
    right_accepted: Interval
    right: Interval


@dataclass(frozen=True)
class HandedOut:
    """Wrong classes under attack, over the `n` scans that were attacked: `undefended` and past the gate, `accepted`."""

    n: int
    undefended: Interval
    accepted: Interval


@dataclass(frozen=True)
class EqualNormRow:
    """Attacks of one radius against noise of the same norm on clean scans.

    Attributes:
        noise: its kind; `level` its strength and the attacks' radius in 1/255.
        n_attacked: successful attacks of that radius; `n_noise` scans under noise.
        auroc: all those attacks against the noise, over groups; `by_attack` each alone.
        flagged: share of the noise that is flagged.
    """

    noise: str
    level: int
    n_attacked: int
    n_noise: int
    auroc: Interval
    by_attack: dict[str, float]
    flagged: Interval


@dataclass(frozen=True)
class PairedRow:
    """Clean scans under the changes of one attack without its aim.

    Attributes:
        what: "scattered", an attack's changes at random places, or "shuffled", those of another scan in their places.
        n: scans; `auroc` the attacks against them, over groups.
        flagged: share of them that is flagged.
        fooled: share of them that the classifier gets wrong all the same; None-valued beside another classifier.
    """

    what: str
    attack: str
    eps: float
    region: str
    n: int
    auroc: Interval
    flagged: Interval
    fooled: Interval


@dataclass(frozen=True)
class BackgroundRow:
    """One attack and the clean scans with everything outside the head set to 0.

    Attributes:
        n: attacked scans in which a head was found; `n_clean` clean ones.
        auroc: of the zeroed; `auroc_before` of the same scans as they were.
        found: share of the attacked that is flagged when zeroed.
    """

    attack: str
    eps: float
    region: str
    n: int
    n_clean: int
    auroc: Interval
    auroc_before: Interval
    found: Interval


@dataclass(frozen=True)
class ReencodedRow:
    """Clean scans written as another file without loss: AUROC against themselves, 0.5 where no trace is learned."""

    file_format: str
    n: int
    auroc: Interval
    flagged: Interval


@dataclass(frozen=True)
class SurvivorRow:
    """One attack after a change that files go through.

    Attributes:
        change: its name.
        n: attacks that succeeded before it.
        fooling: share of them that still fools the classifier.
        flagged_fooling: of those, the share that is flagged.
        flagged: share of all n that is flagged.
    """

    change: str
    attack: str
    eps: float
    region: str
    n: int
    fooling: Interval
    flagged_fooling: Interval
    flagged: Interval


@dataclass(frozen=True)
class ShortcutRow:
    """How far one feature of the file separates what the detector separates.

    Attributes:
        feature: its name.
        against: what the attacks are compared with: "clean", or "sign noise" of their radius.
        level: radius of the attacks in 1/255; None for those without one.
        n: successful attacks; `n_other` what they are compared with.
        auroc: whichever way the feature goes, so at least 0.5.
    """

    feature: str
    against: str
    level: float | None
    n: int
    n_other: int
    auroc: Interval


@dataclass(frozen=True)
class OperatingRow:
    """A gate that withholds the class of everything up to a p-value of `alpha`.

    Attributes:
        accepted: share of `n_clean` clean scans whose class is shown; `right_accepted` how often it is right there.
        found: share of `n_hits` successful attacks that is held.
        all_found: share of the `n_parents` scans with a successful attack of which every one is held.
        handed_out: share of `n_attacked` attacked scans, whatever came of the attack, that is shown a wrong class.
    """

    alpha: float
    n_clean: int
    accepted: Interval
    right_accepted: Interval
    n_hits: int
    found: Interval
    n_parents: int
    all_found: Interval
    n_attacked: int
    handed_out: Interval


@dataclass(frozen=True)
class MarginRow:
    """False alarms on the clean scans that the classifier is about equally sure of."""

    margin: str
    n: int
    flagged: Interval


@dataclass(frozen=True)
class Beside:
    """Everything that stands beside the headline."""

    operating: tuple[OperatingRow, ...] = ()
    margins: tuple[MarginRow, ...] = ()
    equal_norm: tuple[EqualNormRow, ...] = ()
    paired: tuple[PairedRow, ...] = ()
    background: tuple[BackgroundRow, ...] = ()
    background_clean: Interval = field(default_factory=lambda: Interval(None, None, None))
    reencoded: tuple[ReencodedRow, ...] = ()
    survivors: tuple[SurvivorRow, ...] = ()
    shortcuts: tuple[ShortcutRow, ...] = ()
