"""Charts as shapes: where they lie, and that they are told apart without colour."""

import pytest

from pipeline.detector_report.axes import rate_axis, score_axis, share_axis, top_axis
from pipeline.detector_report.blocks import Chart, Series, Table
from pipeline.detector_report.drawing import HEIGHT, N_TONES, WIDTH, Path, Text, drawing

TABLE = Table("t", ("a",), (("b",),))


def chart(*series, marks=()):
    return Chart("title", "what", rate_axis("rate", 0.001), share_axis("share"), series, TABLE, marks)


def lines(found, role):
    return [shape for shape in found if isinstance(shape, Path) and shape.role == role]


def test_a_decade_is_as_wide_as_another_and_all_is_higher_than_nothing():
    line = Series("s", ((0.001, 0.0), (0.01, 0.5), (0.1, 1.0), (1.0, 1.0)))
    curve = lines(drawing(chart(line)), "series")[-1]
    (x0, y0), (x1, y1), (x2, y2), (x3, _) = curve.points
    assert x1 - x0 == pytest.approx(x2 - x1) == pytest.approx(x3 - x2)
    assert y0 > y1 > y2
    assert y1 == pytest.approx((y0 + y2) / 2)


def test_every_shape_lies_on_the_plane_with_many_long_names():
    series = [Series(f"a rather long name {k}", ((0.0001, -1.0), (2.0, 5.0)), ((0.0, 2.0),) * 2, dots=True)
              for k in range(N_TONES)]  # fmt: skip
    for shape in drawing(chart(*series, marks=((0.001, "at the left"), (1.0, "at the right")))):
        places = [(shape.x, shape.y)] if isinstance(shape, Text) else shape.points
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_lines_differ_in_dashes_and_marks():
    series = [Series(str(k), ((0.01, 0.5), (0.1, 0.5)), dots=True) for k in range(N_TONES)]
    found = drawing(chart(*series))
    assert len({shape.dash for shape in lines(found, "series")}) == N_TONES
    corners = {}
    for dot in lines(found, "dot"):
        corners.setdefault(dot.tone, len(dot.points))
    assert len(corners) == N_TONES
    assert all(dot.closed for dot in lines(found, "dot"))


def test_a_single_point_is_still_seen():
    found = drawing(chart(Series("s", ((0.1, 0.5),))))
    assert len(lines(found, "dot")) == 1


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2, 17.5), (1000.0, 1001.0), (-0.003, 0.002)])
def test_scores_have_round_ticks_inside_their_range(low, high):
    ticks = score_axis("score", low, high).ticks
    assert 3 <= len(ticks) <= 8
    assert all(low - 1e-9 <= value <= high + 1e-9 for value, _ in ticks)
    assert len({words for _, words in ticks}) == len(ticks)


def test_rates_begin_where_the_scans_end():
    assert [words for _, words in rate_axis("r", 1 / 630).ticks] == ["0.159%", "1%", "10%", "100%"]


@pytest.mark.parametrize(("tallest", "high"), [(0.206, 0.4), (0.19, 0.2), (0.5, 0.8), (0.9, 1.0), (1.0, 1.0)])
def test_shares_have_round_ticks_that_reach_the_tallest(tallest, high):
    axis = share_axis("share", tallest)
    assert axis.high == pytest.approx(high)
    assert axis.high >= tallest


@pytest.mark.parametrize("low", [0.0, 0.1, 0.35, 0.941, 0.99, 0.9995, 1.0])
def test_an_axis_of_which_little_is_missing_ends_at_all_and_holds_its_lowest(low):
    axis = top_axis("shown", low)
    assert 0.0 <= axis.low <= low
    assert axis.high == axis.ticks[-1][0] == 1.0
    assert 2 <= len(axis.ticks) <= 6
    assert len({words for _, words in axis.ticks}) == len(axis.ticks)
