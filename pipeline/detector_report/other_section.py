"""How a detector does on adversarial sets that are not the one that it was trained beside."""

from collections.abc import Iterator, Sequence

from pipeline.attacks.names import type_name
from pipeline.attacks.radii import radius_words
from pipeline.detection.report import Cell
from pipeline.detection.statistics import ranged, share_of
from pipeline.detector_report.blocks import Block, Section, Table, Words
from pipeline.detector_report.figures import Static, attack_at
from pipeline.detector_report.not_shown import NotShown, same_eps

_HEAD = ("attack", "radius", "n", "AUROC", "found", "handed out")


def other_section(static: Static, others: Sequence[Static], kept_from: NotShown) -> Section | None:
    """A table for each other set, with what of it the detector never met; None where there is no other set.

    Args:
        static: the report on the detector's own set.
        others: those on other sets.
        kept_from: what of its own set it did not learn from.
    """
    if not others:
        return None
    blocks: list[Block] = [
        Words(
            "The same detector and threshold on attacks of sets that it was not trained beside. What it was shown is "
            "told by the names and radii of attacks; their steps and starts may differ all the same. n counts attacks "
            "that fool the classifier they were made against; handed out is the share of all attacked scans that this "
            "detector's classifier gets wrong and the gate lets pass. In brackets 95 % intervals."
        )
    ]
    for other in others:
        blocks += [Words(_told(static, other, kept_from), "warning" if _promises_nothing(static, other) else "plain")]
        blocks += [Table(_named(other), _HEAD, tuple(_row(cell) for cell in other.cells), 2)]
    return Section("On other adversarial sets", "others", tuple(blocks))


def is_transferred(static: Static) -> bool:
    """Whether a report is of attacks that were made against another classifier than the detector's."""
    sources = static.sources
    return sources is not None and sources.attacked_classifier_id != sources.classifier_id


def never_shown(static: Static, other: Static, kept_from: NotShown) -> str:
    """Which attacks of another set, and which radii, the detector never learned from, as a sentence."""
    shown = [cell for cell in static.cells if not kept_from.hides(cell.attack, cell.eps)]
    names = {cell.attack for cell in shown}
    met = list(dict.fromkeys(cell.attack for cell in other.cells))
    if not met:
        return "No scan of the split was attacked in this set."
    strange = [attack for attack in met if attack not in names]
    if strange and len(strange) == len(met):
        return f"The detector was never shown any attack of this set: {_listed(strange)}."
    said = [f"Of its attacks the detector was never shown {_listed(strange)}."] if strange else []
    if radii := list(dict.fromkeys(_at_new_radii(shown, other.cells))):
        said.append(f"Never shown at that radius: {'; '.join(radii)}.")
    return " ".join(said) or "The detector was shown every attack of this set, at every radius."


def _at_new_radii(shown: Sequence[Cell], cells: Sequence[Cell]) -> Iterator[str]:
    for cell in cells:
        same = [one for one in shown if one.attack == cell.attack]
        if same and not any(same_eps(cell.eps, one.eps) for one in same):
            yield attack_at(cell.attack, cell.eps)


def _told(static: Static, other: Static, kept_from: NotShown) -> str:
    facts = other.facts
    said = [
        f"{_named(other)}{_made_against(other)}. At a stated rate of {facts['alpha']:.1%} "
        f"{share_of(other.clean_alarms)} of {facts['n_clean']} clean scans are flagged.",
        never_shown(static, other, kept_from),
    ]
    if abs(float(facts["alpha"]) - float(static.facts["alpha"])) >= 1e-9:
        said.append(f"Its own set is judged at another rate, {static.facts['alpha']:.1%}: read them apart.")
    if warning := _promises_nothing(static, other):
        said.append(warning)
    return " ".join(said)


def _made_against(other: Static) -> str:
    if other.sources is None:
        return ""
    if is_transferred(other):
        return f", made against another classifier, {other.sources.attacked_classifier_id}"
    return ", made against the detector's own classifier"


def _promises_nothing(static: Static, other: Static) -> str:
    """What must be said where the threshold is of other scans than the judged ones; empty where none is known to be."""
    if static.sources is None or other.sources is None:
        return ""
    if other.sources.calibrated_on:
        named = other.sources.calibrated_on
        return f"The threshold was set on scans of another data set, {named}: it promises nothing for these."
    # One that is recalibrated and still names no other data set is judged on the one that it was recalibrated on.
    if static.sources.dataset_id == other.sources.dataset_id or static.sources.calibrated_on:
        return ""
    named = f"{other.sources.dataset_name} ({other.sources.dataset_id})"
    return f"The scans are of another data set, {named}: the calibration promises nothing there."


def _named(other: Static) -> str:
    name, set_id = other.facts.get("adversarial_name"), other.facts["adversarial_id"]
    return f"{name} ({set_id})" if name else str(set_id)


def _row(cell: Cell) -> tuple[str, ...]:
    at = (attack_at(cell.attack, 0, cell.region), radius_words(cell.eps, cell.attack))
    return (*at, str(cell.n), ranged(cell.auroc), share_of(cell.found), share_of(cell.handed_out))


def _listed(attacks: Sequence[str]) -> str:
    return ", ".join(map(type_name, attacks))
