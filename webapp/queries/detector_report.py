"""The report on a detector, as its page, its PDF and the API have it."""

from pipeline.artefacts import DataRoot
from pipeline.detector_report.document import Told, document, told
from pipeline.detector_report.kept import kept_adaptive, kept_static
from pipeline.detector_report.scans import Scans
from pipeline.errors import NoReport
from webapp.context import context
from webapp.records.artefacts import Artefact


def detector_report(row: Artefact) -> Told:
    """What is known of a detector: the report kept in the data root, or the one of its row, which may be older.

    Raises:
        NoReport: it was never judged.
        BadDetector: a kept report cannot be read.
    """
    root = _root()
    static = kept_static(root, row.id) or row.facts.get("report")
    if static is None:
        raise NoReport(f"The detector {row.name} was never judged; have it judged on its page, or by the API.")
    return told(row.name, static, kept_adaptive(root, row.id))


def detector_pdf(found: Told) -> bytes:
    """The report as a PDF."""
    from pipeline.detector_report.pdf import pdf  # Only who asks for a PDF waits for its library.

    return pdf(document(found), Scans(_root()).shown)


def _root() -> DataRoot:
    return DataRoot(context().settings.data_root)
