"""What stands beside a detector's headline, as words and tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from datasets.adversarial_store import WHOLE_IMAGE
from pipeline.detection.protocol_rows import (
    BackgroundRow,
    Beside,
    Coverage,
    HandedOut,
    PairedRow,
    StrictRate,
    SurvivorRow,
)
from pipeline.detection.statistics import ranged, share_of


def promise_words(n: int, band: Sequence[float], flagged: Sequence[float], n_clean: int, calibrated_on: str) -> str:
    """What n calibration scans promise of `n_clean` clean ones: a rate within `band`, a share within `flagged`."""
    if calibrated_on:
        return (
            f"The threshold was set on {n} scans of another data set, {calibrated_on}, which promises a rate of "
            f"{band[0]:.2%} to {band[1]:.2%} for scans like those and nothing for the {n_clean} that were judged."
        )
    return (
        f"The calibration on {n} clean scans promises a rate of {band[0]:.2%} to {band[1]:.2%}, and so between "
        f"{flagged[0]:.2%} and {flagged[1]:.2%} of {n_clean} scans."
    )


def strict_words(strict: StrictRate, n_calibration: int) -> str:
    """At which rate the strictest figures are, and what it promises."""
    low, high = strict.band
    if strict.supported:
        return f"The same at {strict.alpha:.2%} stands beside it (realised rate {low:.2%} to {high:.2%})."
    return (
        f"{n_calibration} calibration scans cannot support {strict.alpha:.1%}, which takes {strict.n_needed}: beside "
        f"it stands what is above the highest of their scores, a rate of {strict.rate:.2%} ({low:.3%} to {high:.2%})."
    )


def coverage_words(coverage: Coverage, handed_out: HandedOut) -> str:
    """What passes the gate, clean and attacked."""
    return (
        f"Of {coverage.n} clean scans {share_of(coverage.accepted)} are accepted; the class is right for "
        f"{share_of(coverage.right_accepted)} of these and for {share_of(coverage.right)} without a gate. Of "
        f"{handed_out.n} attacked scans, whether the attack succeeded or not, {share_of(handed_out.undefended)} are "
        f"classified wrong without a gate and {share_of(handed_out.accepted)} are accepted and wrong."
    )


def beside_tables(beside: Beside) -> Iterator[str]:
    """The lines of all tables; nothing of what was not looked at."""
    for table in tables_beside(beside):
        if table.words:
            yield from ("", table.words)
        yield from _lines(table.head, table.rows)


@dataclass(frozen=True)
class BesideTable:
    """One table of what stands beside the headline; `words` is what must be known to read it."""

    title: str
    words: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_text: int = 1


def tables_beside(beside: Beside) -> Iterator[BesideTable]:
    """Every table that there are rows for."""
    made = (_operating, _margins, _equal_norm, _paired, _background, _reencoded, _survivors, _shortcuts)
    return (table for table in (make(beside) for make in made) if table.rows)


def _operating(beside: Beside) -> BesideTable:
    head = (
        "held up to p =",
        "clean shown",
        "class right of these",
        "attacks held",
        "scans with all held",
        "handed out",
    )
    rows = tuple(
        (f"{row.alpha:g}", share_of(row.accepted), share_of(row.right_accepted), share_of(row.found),
         share_of(row.all_found), share_of(row.handed_out))
        for row in beside.operating
    )  # fmt: skip
    words = ""
    if beside.operating:
        one = beside.operating[0]
        words = (
            "Unless told otherwise, a released gate withholds the class of uncertain scans too, up to twice the rate "
            f"at which it flags: its figures are those of the row of twice {one.alpha:g}. The rows are of "
            f"{one.n_clean} clean scans, {one.n_hits} successful attacks on {one.n_parents} scans, and "
            f"{one.n_attacked} attacked scans. All of a scan are held where no successful attack on it passes."
        )
    return BesideTable("At other rates", words, head, rows)


def _margins(beside: Beside) -> BesideTable:
    rows = tuple((row.margin, str(row.n), share_of(row.flagged)) for row in beside.margins)
    words = "Hard cases are those of which the classifier is least sure."
    return BesideTable("False alarms by how sure the classifier is", words, ("classifier", "n", "flagged"), rows)


def _equal_norm(beside: Beside) -> BesideTable:
    head = ("noise of equal norm", "eps", "attacks", "noisy", "AUROC", "worst attack", "noise flagged")
    rows = tuple(
        (row.noise, f"{row.level}/255", str(row.n_attacked), str(row.n_noise), ranged(row.auroc),
         _worst(row.by_attack), share_of(row.flagged))
        for row in beside.equal_norm
    )  # fmt: skip
    return BesideTable("Attacks against noise of equal norm", "", head, rows)


def _paired(beside: Beside) -> BesideTable:
    head = ("an attack's changes without its aim", "attack", "eps", "n", "AUROC of the attack", "flagged", "fooled")
    rows = tuple(
        (row.what, *_cell(row), str(row.n), ranged(row.auroc), share_of(row.flagged), share_of(row.fooled))
        for row in beside.paired
    )
    words = "Scattered: an attack's own changes at random places. Shuffled: those of another scan."
    return BesideTable("An attack's changes without its aim", words, head, rows, n_text=2)


def _background(beside: Beside) -> BesideTable:
    head = ("background zeroed", "eps", "n", "clean", "AUROC", "AUROC before", "found")
    rows = tuple(
        (*_cell(row), str(row.n), str(row.n_clean), ranged(row.auroc), ranged(row.auroc_before), share_of(row.found))
        for row in beside.background
        if row.n
    )
    words = f"Clean scans with a zeroed background: {share_of(beside.background_clean)} flagged."
    return BesideTable("With the background zeroed", words, head, rows)


def _reencoded(beside: Beside) -> BesideTable:
    head = ("clean scans written as", "n", "AUROC against themselves", "flagged")
    rows = tuple((row.file_format, str(row.n), ranged(row.auroc), share_of(row.flagged)) for row in beside.reencoded)
    return BesideTable("Clean scans written as another file", "", head, rows)


def _survivors(beside: Beside) -> BesideTable:
    head = ("attacked, then", "attack", "eps", "n", "still fooling", "flagged of these", "flagged of all")
    rows = tuple(
        (row.change, *_cell(row), str(row.n), share_of(row.fooling), share_of(row.flagged_fooling),
         share_of(row.flagged))
        for row in beside.survivors
        if row.n
    )  # fmt: skip
    return BesideTable("Attacked, then re-encoded or resized", "", head, rows, n_text=2)


def _shortcuts(beside: Beside) -> BesideTable:
    rows = tuple(
        (row.feature, "-" if row.level is None else f"{row.level:g}/255", row.against, f"{row.n}, {row.n_other}",
         ranged(row.auroc))
        for row in beside.shortcuts
    )  # fmt: skip
    words = "One feature of the file alone, whichever way it goes, in the detector's place:"
    return BesideTable("Shortcuts", words, ("feature", "eps", "against", "n", "AUROC"), rows, n_text=3)


def _cell(row: PairedRow | BackgroundRow | SurvivorRow) -> list[str]:
    """Attack and radius."""
    name = row.attack if row.region == WHOLE_IMAGE else f"{row.attack}, {row.region}"
    return [name, f"{255 * row.eps:g}/255" if row.eps > 0 else "-"]


def _worst(by_attack: Mapping[str, float]) -> str:
    if not by_attack:
        return "-"
    name = min(by_attack, key=lambda attack: by_attack[attack])
    return f"{name} {by_attack[name]:.4f}"


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from ("", f"| {' | '.join(head)} |", "|---" * len(head) + "|")
    yield from (f"| {' | '.join(row)} |" for row in rows)
