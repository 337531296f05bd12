"""The report on a detector, as its page, its PDF and the API have it."""

from typing import Any

from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import lineage
from pipeline.detector_report.adaptive_section import standing_at_a_glance
from pipeline.detector_report.blocks import Table, Words
from pipeline.detector_report.document import Told, document, told
from pipeline.detector_report.kept import kept_adaptive, kept_comparison, kept_others, kept_static
from pipeline.detector_report.not_shown import NotShown
from pipeline.detector_report.scans import Scans
from pipeline.errors import BadDetector, NoReport
from webapp.context import context
from webapp.jobs.asked import attacks_judged
from webapp.queries.artefacts import artefacts_of
from webapp.records.artefacts import Artefact, ArtefactKind


def detector_report(row: Artefact) -> Told:
    """What is known of a detector: the report kept in the data root, or the one of its row, which may be older.

    Raises:
        NoReport: it was never judged.
        BadDetector: a kept report cannot be read.
    """
    root = _root()
    return told(
        row.name,
        _static(row),
        kept_adaptive(root, row.id),
        kept_comparison(root, row.id),
        others=kept_others(root, row.id),
        kept_from=kept_from(row),
    )


def kept_from(row: Artefact) -> NotShown:
    """What of its adversarial set a detector did not learn from."""
    return NotShown.from_json(row.facts.get("not_shown", {}))


def sets_beside(row: Artefact) -> list[Artefact]:
    """The adversarial sets, not its own, that a detector can be judged on, newest first.

    Raises:
        UnknownArtefact: its files are gone, so that it cannot be judged at all.
    """
    own = lineage(_root(), row.id)
    return [
        one
        for one in artefacts_of(ArtefactKind.ADVERSARIAL)
        if one.id != own.adversarial_id
        and own.dataset_id in one.parents
        and attacks_judged(one.facts.get("counts", ()))
    ]


def rate_of_report(row: Artefact) -> float:
    """The false-alarm rate that a detector's report is at.

    Raises:
        NoReport: it was never judged.
        BadDetector: the kept report cannot be read.
    """
    return float(_static(row)["alpha"])


def detector_standing(row: Artefact) -> tuple[Words, Table | None] | None:
    """The static figure and the adaptive one, side by side, in words and as a table; None without a report."""
    try:
        found = detector_report(row)
    except NoReport:
        return None
    except BadDetector as e:
        return Words(f"{e}.", "warning"), None
    words, table = standing_at_a_glance(found.static, found.adaptive)
    return words, table if table.rows else None


def detector_pdf(found: Told) -> bytes:
    """The report as a PDF."""
    from pipeline.detector_report.pdf import pdf  # Only who asks for a PDF waits for its library.

    return pdf(document(found), Scans(_root()).shown)


def _static(row: Artefact) -> dict[str, Any]:
    found: dict[str, Any] | None = kept_static(_root(), row.id) or row.facts.get("report")
    if found is None:
        raise NoReport(f"The detector {row.name} was never judged; have it judged on its page, or by the API.")
    return found


def _root() -> DataRoot:
    return DataRoot(context().settings.data_root)
