"""The report on a detector, as its page, its PDF and the API have it."""

from typing import Any

from pipeline.artefacts import DataRoot
from pipeline.detector_report.adaptive_section import standing_at_a_glance
from pipeline.detector_report.blocks import Table, Words
from pipeline.detector_report.document import Told, document, told
from pipeline.detector_report.kept import kept_adaptive, kept_comparison, kept_static
from pipeline.detector_report.scans import Scans
from pipeline.errors import BadDetector, NoReport
from webapp.context import context
from webapp.records.artefacts import Artefact


def detector_report(row: Artefact) -> Told:
    """What is known of a detector: the report kept in the data root, or the one of its row, which may be older.

    Raises:
        NoReport: it was never judged.
        BadDetector: a kept report cannot be read.
    """
    root = _root()
    return told(row.name, _static(row), kept_adaptive(root, row.id), kept_comparison(root, row.id))


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
