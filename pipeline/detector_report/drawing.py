"""From a chart to lines, marks and words on a plane: one layout, for a page and for paper.

The plane is `WIDTH` x `HEIGHT`, y downwards. Shapes have a role and the number of their series, and no colour: who
draws them chooses that, for light, dark or print. Series differ in dashes and marks as well, since colour alone tells
nothing to many readers and on many printers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.detector_report.blocks import Axis, Chart, Series

WIDTH, HEIGHT = 600.0, 340.0
FONT = 13.0
DASHES: tuple[tuple[float, ...], ...] = ((), (8, 4), (2, 3), (10, 3, 2, 3), (5, 2), (1, 4))
"""Of the series, in turn."""

N_TONES = len(DASHES)
_LEFT, _RIGHT, _BOTTOM = 66.0, 14.0, 52.0
_ROW = 20.0  # Of the legend.
_LETTER = 0.54  # Mean width of a letter, as a share of the font's size.
_KEY = 30.0
_MARK = 4.0
_WHISKER = 3.0


@dataclass(frozen=True)
class Path:
    """Connected lines; closed ones are filled. `tone` is the number of the series, -1 for none."""

    points: tuple[tuple[float, float], ...]
    role: str
    tone: int = -1
    closed: bool = False

    @property
    def dash(self) -> tuple[float, ...]:
        """Lengths drawn and left out, in turn; empty for a whole line."""
        return DASHES[self.tone] if self.role == "series" else (4.0, 4.0) if self.role == "mark" else ()


@dataclass(frozen=True)
class Text:
    """Words at a place; `anchor` is "start", "middle" or "end", `upright` turned a quarter to the left."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    role: str = "words"
    upright: bool = False


Shape = Path | Text


def drawing(chart: Chart) -> tuple[Shape, ...]:
    """The shapes of a chart, the furthest back first."""
    legend, n_rows = _legend(chart)
    frame = _Frame(chart, top=12 + _ROW * n_rows + (14 if chart.marks else 0))
    shapes: list[Shape] = [*_grid(frame), *legend]
    for place, name in chart.marks:
        x = frame.x(place)
        shapes.append(Path(((x, frame.top), (x, frame.bottom)), "mark"))
        shapes.append(Text(x, frame.top - 5, name, _anchor(x), "quiet"))
    for tone, series in enumerate(chart.series):
        shapes += _series(frame, series, tone % N_TONES)
    return tuple(shapes)


class _Frame:
    """Where values lie on the plane."""

    def __init__(self, chart: Chart, *, top: float) -> None:
        self.chart = chart
        self.left, self.right = _LEFT, WIDTH - _RIGHT
        self.top, self.bottom = top, HEIGHT - _BOTTOM

    def x(self, value: float) -> float:
        """Across; what lies beyond the axis is put on its end."""
        return self.left + _share(value, self.chart.x) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Downwards."""
        return self.bottom - _share(value, self.chart.y) * (self.bottom - self.top)


def _share(value: float, axis: Axis) -> float:
    low, high = axis.low, axis.high
    if axis.log:
        value, low, high = (math.log(max(each, axis.low)) for each in (value, low, high))
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _grid(frame: _Frame) -> Iterator[Shape]:
    chart = frame.chart
    for value, words in chart.y.ticks:
        y = frame.y(value)
        yield Path(((frame.left, y), (frame.right, y)), "grid")
        yield Text(frame.left - 7, y + FONT / 3, words, "end", "quiet")
    for value, words in chart.x.ticks:
        x = frame.x(value)
        yield Path(((x, frame.bottom), (x, frame.bottom + 5)), "axis")
        yield Text(x, frame.bottom + 18, words, _anchor(x), "quiet")
    yield Path(((frame.left, frame.top), (frame.left, frame.bottom), (frame.right, frame.bottom)), "axis")
    yield Text((frame.left + frame.right) / 2, HEIGHT - 10, chart.x.label, "middle")
    yield Text(15, (frame.top + frame.bottom) / 2, chart.y.label, "middle", upright=True)


def _anchor(x: float) -> str:
    """Words near an edge grow away from it."""
    return "start" if x < _LEFT + 15 else "end" if x > WIDTH - _RIGHT - 15 else "middle"


def _legend(chart: Chart) -> tuple[list[Shape], int]:
    shapes: list[Shape] = []
    x, row = _LEFT, 0
    for number, series in enumerate(chart.series):
        tone, wide = number % N_TONES, _KEY + 8 + len(series.name) * FONT * _LETTER + 14
        if x > _LEFT and x + wide > WIDTH - _RIGHT:
            x, row = _LEFT, row + 1
        y = 12 + _ROW * row
        shapes.append(Path(((x, y), (x + _KEY, y)), "series", tone))
        if series.dots:
            shapes.append(_dot(x + _KEY / 2, y, tone))
        shapes.append(Text(x + _KEY + 8, y + FONT / 3, series.name))
        x += wide
    return shapes, row + 1


def _series(frame: _Frame, series: Series, tone: int) -> Iterator[Shape]:
    places = tuple((frame.x(x), frame.y(y)) for x, y in series.points)
    for (x, _), (low, high) in zip(places, series.spans, strict=False):
        top, bottom = frame.y(high), frame.y(low)
        yield Path(((x, top), (x, bottom)), "span", tone)
        for end in (top, bottom):
            yield Path(((x - _WHISKER, end), (x + _WHISKER, end)), "span", tone)
    if len(places) > 1:
        yield Path(places, "series", tone)
    if series.dots or len(places) == 1:
        yield from (_dot(x, y, tone) for x, y in places)


def _dot(x: float, y: float, tone: int) -> Path:
    """A mark of its own shape for every series: corners on a circle, from a triangle on; the first is round."""
    n = (16, 4, 3, 5, 4, 6)[tone]
    turn = math.pi / 4 if tone == 1 else -math.pi / 2
    corners = ((turn + 2 * math.pi * k / n) for k in range(n))
    size = _MARK + (1 if n < 16 else 0)
    return Path(tuple((x + size * math.cos(a), y + size * math.sin(a)) for a in corners), "dot", tone, closed=True)
