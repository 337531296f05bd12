"""What a report is made of, whoever shows it: sections of words, tables, charts and pictures."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Tone = Literal["plain", "warning"]


@dataclass(frozen=True)
class Words:
    """A paragraph; one of the tone "warning" is set apart."""

    kind: ClassVar = "words"

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    kind: ClassVar = "points"

    items: tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """Names and what stands behind each."""

    kind: ClassVar = "pairs"

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: its caption.
        head: names of the columns.
        rows: as many cells as there are columns; the first names the row.
        n_text: how many columns from the left hold words; the others hold figures.
    """

    kind: ClassVar = "table"

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_text: int = 1


@dataclass(frozen=True)
class Axis:
    """One axis of a chart, with its ticks: where, and what is written there."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        points: x and y, from left to right.
        spans: y from and to, point by point, of a 95 % interval; empty where there are none.
        dots: whether the points are marked.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    spans: tuple[tuple[float, float], ...] = ()
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart with the table of what it shows.

    Attributes:
        title: its caption; `what` says in a sentence what is seen, for who cannot see it.
        marks: upright lines, by place and name.
    """

    kind: ClassVar = "chart"

    title: str
    what: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    table: Table
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Picture:
    """One attacked scan, by its row in an adversarial set: what is said of it, and nothing of its pixels.

    `times` is by how much its difference from the clean scan is multiplied to be seen.
    """

    adversarial_id: str
    row: int
    times: int
    title: str
    text: str


@dataclass(frozen=True)
class Pictures:
    """Scans, each to be shown clean, attacked and as their amplified difference."""

    kind: ClassVar = "pictures"

    rows: tuple[Picture, ...]


Block = Words | Points | Pairs | Table | Chart | Pictures


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading; `anchor` is its address on a page."""

    title: str
    anchor: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        statement: what it is for, and what it is not, on every page.
        missing: what a report of an older form lacks; empty where nothing is.
    """

    title: str
    detector_id: str
    statement: str
    sections: tuple[Section, ...]
    missing: tuple[str, ...] = field(default=())
