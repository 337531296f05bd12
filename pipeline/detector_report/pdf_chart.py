"""A chart on paper: the shapes of its drawing, in colours for white."""

from reportlab.graphics.shapes import Drawing, Group, Line, Polygon, PolyLine, String
from reportlab.lib.colors import Color, HexColor

from pipeline.detector_report.blocks import Chart
from pipeline.detector_report.drawing import FONT, HEIGHT, WIDTH, Path, Shape, Text, drawing

TONES = tuple(HexColor(code) for code in ("#0067a3", "#b24300", "#1b7a4b", "#7b3fa0", "#8a5a00", "#555f6b"))
INK, QUIET, GRID = HexColor("#1b2733"), HexColor("#55606c"), HexColor("#d3dae2")

_ROLES = {"grid": (GRID, 0.6), "axis": (QUIET, 0.9), "mark": (INK, 0.9), "span": (QUIET, 0.9), "series": (INK, 1.7)}


def chart_on_paper(chart: Chart, width: float) -> Drawing:
    """The chart, so many points wide."""
    scale = width / WIDTH
    group = Group(*(_drawn(shape) for shape in drawing(chart)))
    group.scale(scale, scale)
    made = Drawing(width, HEIGHT * scale)
    made.add(group)
    return made


def _drawn(shape: Shape) -> object:
    return _text(shape) if isinstance(shape, Text) else _path(shape)


def _path(path: Path) -> object:
    places = [value for x, y in path.points for value in (x, HEIGHT - y)]
    colour, width = _colour(path), _ROLES.get(path.role, (INK, 1.0))[1]
    if path.closed:
        return Polygon(places, fillColor=colour, strokeColor=colour, strokeWidth=0.5)
    dash = list(path.dash) or None
    if len(path.points) == 2:
        return Line(*places, strokeColor=colour, strokeWidth=width, strokeDashArray=dash)
    return PolyLine(places, strokeColor=colour, strokeWidth=width, strokeDashArray=dash, strokeLineJoin=1)


def _colour(path: Path) -> Color:
    return TONES[path.tone % len(TONES)] if path.tone >= 0 else _ROLES[path.role][0]


def _text(text: Text) -> object:
    y = HEIGHT - text.y
    made = String(0, 0, text.text, fontName="Helvetica", fontSize=FONT, textAnchor=text.anchor,
                  fillColor=QUIET if text.role == "quiet" else INK)  # fmt: skip
    placed = Group(made)
    placed.translate(text.x, y)
    if text.upright:
        placed.rotate(90)
    return placed
