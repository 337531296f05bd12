"""The report as a PDF: the same content as its page, the same bytes from the same content."""

import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from xml.sax.saxutils import escape

from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    Image,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Table as Grid

from pipeline.detector_report.blocks import Block, Chart, Document, Pairs, Picture, Pictures, Points, Table, Words
from pipeline.detector_report.pdf_chart import GRID, INK, QUIET, chart_on_paper
from pipeline.detector_report.scans import Shown

_MARGIN = 16 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_CHART = 150 * mm
_SCAN = 42 * mm
_NAME = 28 * mm
_ROOM = 40 * mm  # Less than that at the foot of a page, and a table or paragraph begins on the next.
_WIDE = 9  # Columns from which on a table is set smaller.
_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9, leading=12.5, textColor=INK, spaceAfter=5)
_TITLE = ParagraphStyle("title", _BODY, fontName="Helvetica-Bold", fontSize=17, leading=21, spaceAfter=6)
_HEADING = ParagraphStyle("heading", _BODY, fontName="Helvetica-Bold", fontSize=12.5, leading=16, spaceBefore=12)
_CAPTION = ParagraphStyle("caption", _BODY, fontName="Helvetica-Bold", spaceBefore=6, spaceAfter=3)
_QUIET = ParagraphStyle("quiet", _BODY, fontSize=8, leading=10.5, textColor=QUIET)
_WARNING = ParagraphStyle(
    "warning", _BODY, borderColor="#8a5a00", borderWidth=1, borderPadding=5, spaceBefore=6, spaceAfter=10
)
_BARE = TableStyle([
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
])  # fmt: skip
_POINT = ParagraphStyle("point", _BODY, leftIndent=12, bulletIndent=2)

Show = Callable[[Picture], Shown | None]
"""Where the pictures of a scan come from."""


def pdf(document: Document, show: Show) -> bytes:
    """The report on A4, with page numbers, the detector's id and the statement on every page."""
    sink = io.BytesIO()
    template = SimpleDocTemplate(
        sink,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN + 6 * mm,
        title=_printable(document.title),
        author="Scangate",
        subject=document.statement,
        invariant=1,  # No date and no random id: the same content makes the same file.
    )
    template.build(list(_story(document, show)), canvasmaker=partial(_Numbered, document=document))
    return sink.getvalue()


class _Numbered(Canvas):  # type: ignore[misc]  # reportlab has no types.
    """A canvas whose pages say how many there are, which is known when the last is done."""

    def __init__(self, *args: object, document: Document, **given: object) -> None:
        super().__init__(*args, **given)
        self._of, self._pages = document, list[dict[str, object]]()

    def showPage(self) -> None:  # noqa: N802 - reportlab's name.
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont("Helvetica", 7.5)
            self.setFillColor(QUIET)
            self.drawString(_MARGIN, 11 * mm, self._of.statement)
            self.drawString(_MARGIN, 7.5 * mm, f"Detector {self._of.detector_id}")
            self.drawRightString(A4[0] - _MARGIN, 7.5 * mm, f"Page {number} of {len(self._pages)}")
            super().showPage()
        super().save()


def _story(document: Document, show: Show) -> Iterator[Flowable]:
    yield _said(document.title, _TITLE)
    yield _said(document.statement, _BODY)
    if document.missing:
        lacks = "; ".join(document.missing)
        yield _said(f"This report is of an older form and lacks: {lacks}. Make it anew to have them.", _WARNING)
    for section in document.sections:
        blocks = [flowable for block in section.blocks for flowable in _flowables(block, show)]
        yield CondPageBreak(_ROOM)
        yield _said(section.title, _HEADING)
        yield from blocks


def _flowables(block: Block, show: Show) -> Iterator[Flowable]:
    match block:
        case Words():
            yield CondPageBreak(_ROOM)
            yield _said(block.text, _WARNING if block.tone == "warning" else _BODY)
        case Points():
            for item in block.items:
                yield Paragraph(_marked(item), _POINT, bulletText="\u2022")
        case Pairs():
            yield _pairs(block)
            yield Spacer(1, 6)
        case Table():
            yield from _table(block)
        case Chart():
            yield KeepTogether([
                _said(block.title, _CAPTION), chart_on_paper(block, _CHART), _said(block.what, _QUIET)
            ])  # fmt: skip
            yield from _table(block.table)
        case Pictures():
            for picture in block.rows:
                yield _scan(picture, show(picture))


def _table(table: Table) -> Iterator[Flowable]:
    yield CondPageBreak(_ROOM)
    yield _said(table.title, _CAPTION)
    size = 6.2 if len(table.head) >= _WIDE else 7.6
    words = ParagraphStyle("cell", _BODY, fontSize=size, leading=size * 1.25, spaceAfter=0)
    figures = ParagraphStyle("figure", words, alignment=TA_RIGHT)
    heads = [ParagraphStyle("head", one, fontName="Helvetica-Bold") for one in (words, figures)]
    rows = [[_said(cell, heads[k >= table.n_text]) for k, cell in enumerate(table.head)]]
    rows += [[_said(cell, figures if k >= table.n_text else words) for k, cell in enumerate(row)] for row in table.rows]
    grid = Grid(rows, colWidths=_widths(table), repeatRows=1, hAlign="LEFT")
    grid.setStyle(TableStyle([
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, QUIET),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, GRID),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]))  # fmt: skip
    yield grid
    yield Spacer(1, 8)


def _widths(table: Table) -> list[float]:
    """Shares of the page by the longest word and the length of what a column holds."""
    wanted = []
    for column in zip(table.head, *table.rows, strict=True):
        longest = max(len(word) for cell in column for word in cell.split() or [""])
        wanted.append(max(longest * 1.25, min(22, max(len(cell) for cell in column[1:] or column)) * 0.9, 3.0))
    whole = sum(wanted)
    return [_WIDTH * each / whole for each in wanted]


def _pairs(pairs: Pairs) -> Flowable:
    rows = [[_said(name, _QUIET), _said(text, _QUIET)] for name, text in pairs.rows]
    return Grid(rows, colWidths=[_NAME, _WIDTH - _NAME], hAlign="LEFT", style=_BARE)


def _scan(picture: Picture, shown: Shown | None) -> Flowable:
    said: list[Flowable] = [_said(picture.title, _CAPTION), _said(picture.text, _QUIET)]
    if shown is None:
        return KeepTogether([*said, _said("Its adversarial set or data set is no longer there.", _QUIET)])
    sides: Sequence[tuple[bytes, str]] = (
        (shown.clean, "clean"), (shown.attacked, "attacked"), (shown.difference, f"difference \u00d7{picture.times}")
    )  # fmt: skip
    pngs = [Image(io.BytesIO(png), _SCAN, _SCAN, kind="proportional") for png, _ in sides]
    cells = [pngs, [_said(words, _QUIET) for _, words in sides]]
    return KeepTogether([*said, Grid(cells, colWidths=[_SCAN + 4 * mm] * 3, hAlign="LEFT", style=_BARE)])


def _said(text: str, style: ParagraphStyle) -> Flowable:
    return Paragraph(_marked(text), style)


def _marked(text: str) -> str:
    return escape(_printable(text))


def _printable(text: str) -> str:
    """The text in the letters that the printed font has: others lose their accent, or become "?"."""
    return "".join(_letter(letter) for letter in text)


def _letter(letter: str) -> str:
    if unicodedata.category(letter) in ("Cc", "Cf"):
        return ""  # Marks of direction and the like: nothing to be seen.
    for form in (letter, unicodedata.normalize("NFKD", letter)[0]):
        if form.encode("cp1252", "ignore"):
            return form
    return "?"
