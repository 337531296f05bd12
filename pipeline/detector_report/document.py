"""A report put together from what was kept: the same content for a page, for paper and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipeline.detector_report.adaptive_section import adaptive_limit, adaptive_section, chosen, standing_section
from pipeline.detector_report.blocks import Block, Document, Pairs, Section, Table, Words
from pipeline.detector_report.figures import Adaptive, Compared, Static, read_adaptive, read_compared, read_static
from pipeline.detector_report.limits import limits_of, limits_section
from pipeline.detector_report.methods_section import methods_section
from pipeline.detector_report.not_shown import ALL_SHOWN, NotShown
from pipeline.detector_report.other_section import is_transferred, other_section
from pipeline.detector_report.standards import Standard, standards
from pipeline.detector_report.static_sections import (
    attacks_section,
    beside_section,
    clean_section,
    examples_section,
    naming_section,
)
from pipeline.errors import BadDetector

STATEMENT = "Research use; no medical device. A verdict supports, and never replaces, the judgement of a clinician."
FORMAT = 1
_NEEDED = ("detector_id", "adversarial_id", "split", "alpha", "n_calibration", "band", "n_clean", "null_attack")


@dataclass(frozen=True)
class Told:
    """Everything that is known of a detector: one static report, every adaptive one, and other ways beside it.

    Attributes:
        compared: with other ways of detecting; None where nobody asked for it.
        others: static reports on adversarial sets that are not its own.
        kept_from: what of its own set it did not learn from.
    """

    name: str
    static: Static
    adaptive: tuple[Adaptive, ...]
    compared: Compared | None = None
    others: tuple[Static, ...] = ()
    kept_from: NotShown = ALL_SHOWN

    @property
    def detector_id(self) -> str:
        """Whose report it is."""
        return str(self.static.facts["detector_id"])

    @property
    def standards(self) -> tuple[Standard, ...]:
        """The catalogues' entries that the report belongs to."""
        judged = (self.static, *self.others)
        attacks = [cell.attack for report in judged for cell in report.cells]
        attacks += [cell.attack for run in self.adaptive for cell in run.cells]
        return standards(attacks, transferred=any(map(is_transferred, judged)))

    @property
    def limits(self) -> tuple[str, ...]:
        """What the figures do not say."""
        return (adaptive_limit(self.static, self.adaptive), *limits_of(self.static))

    def to_json(self) -> dict[str, Any]:
        """For programs: the reports as they were kept, and what must be read with them."""
        run = chosen(self.static, self.adaptive)
        return {
            "format": FORMAT,
            "detector_id": self.detector_id,
            "name": self.name,
            "statement": STATEMENT,
            "static": self.static.facts,
            "other_static": [other.facts for other in self.others],
            "not_shown": self.kept_from.to_json(),
            "adaptive": None if run is None else run.facts,
            "other_adaptive": [other.facts for other in self.adaptive if other is not run],
            "comparison": None if self.compared is None else self.compared.facts,
            "missing": list(self.static.missing),
            "limits": list(self.limits),
            "standards": [asdict(one) for one in self.standards],
        }


def told(
    name: str,
    static: Mapping[str, Any],
    adaptive: Sequence[Mapping[str, Any]],
    comparison: Mapping[str, Any] | None = None,
    *,
    others: Sequence[Mapping[str, Any]] = (),
    kept_from: NotShown = ALL_SHOWN,
) -> Told:
    """What was kept, read; `others` are static reports on sets that are not the detector's own.

    Raises:
        BadDetector: a report lacks what every one has.
    """
    try:
        runs = tuple(read_adaptive(run) for run in adaptive)
        compared = None if comparison is None else read_compared(comparison)
        judged = [read_static(report) for report in (static, *others)]
        for report in judged:
            for needed in _NEEDED:
                report.facts[needed]
    except (KeyError, TypeError, AttributeError) as e:
        raise BadDetector(
            f"a kept report lacks or garbles {e}; make it anew with evaluate-detector, attack-gate or compare-detectors"
        ) from e
    return Told(name, judged[0], runs, compared, tuple(judged[1:]), kept_from)


def document(found: Told) -> Document:
    """The report for people."""
    static, runs = found.static, found.adaptive
    made = (
        standing_section(static, runs),
        _with_what_was_not_shown(attacks_section(static), found.kept_from),
        other_section(static, found.others, found.kept_from),
        adaptive_section(static, runs),
        clean_section(static),
        beside_section(static),
        naming_section(static),
        methods_section(found.compared, found.detector_id),
        examples_section(static),
        limits_section(found.limits),
        _judged(found),
    )
    return Document(
        title=f"Report on the detector {found.name}",
        detector_id=found.detector_id,
        statement=STATEMENT,
        sections=tuple(section for section in made if section is not None),
        missing=static.missing,
    )


def _with_what_was_not_shown(section: Section, kept_from: NotShown) -> Section:
    if not kept_from.words:
        return section
    first = Words(
        f"In its training the detector was not shown: {kept_from.words}. The rows of these say how it does on what it "
        "never learned."
    )
    return replace(section, blocks=(first, *section.blocks))


def _judged(found: Told) -> Section:
    facts, sources = found.static.facts, found.static.sources
    rows = [("Detector", found.detector_id), ("Adversarial set", str(facts["adversarial_id"])),
            ("Split", str(facts["split"]))]  # fmt: skip
    blocks: list[Block] = []
    if sources is not None:
        rows = [
            ("Detector", f"{sources.detector_id}, SHA-256 {sources.detector_sha256}"),
            ("Classifier", f"{sources.classifier_id}, SHA-256 {sources.classifier_sha256}"),
            ("Data set", f"{sources.dataset_name}, {sources.dataset_id}, SHA-256 {sources.dataset_sha256}"),
            ("Adversarial set", f"{sources.adversarial_id}, SHA-256 {sources.adversarial_sha256}"),
            ("Made against", f"classifier {sources.attacked_classifier_id}"),
            ("Split", str(facts["split"])),
        ]
    else:
        blocks.append(Words("The report is older than the hashes of what it judged.", "warning"))
    named = tuple((one.id, one.catalogue, one.name, one.what) for one in found.standards)
    blocks += [
        Pairs(tuple(rows)),
        Table("As others name it", ("id", "catalogue", "name", "here"), named, n_text=4),
        Words(f"To make it anew: python -m pipeline evaluate-detector {found.detector_id}"),
    ]
    return Section("What was judged", "judged", tuple(blocks))
