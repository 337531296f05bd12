"""Axes that several charts share."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.detector_report.blocks import Axis, Series

_APART = 1.025
_DECADES = (0.0001, 0.001, 0.01, 0.1, 1.0)
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def share_axis(label: str, tallest: float = 1.0) -> Axis:
    """A share from 0 up to `tallest` or a little more, written in per cent."""
    high = min(1.0, 4 * _round_step(tallest / 4))
    return Axis(label, 0.0, high, tuple((high * part, percent(high * part)) for part in _QUARTERS))


def top_axis(label: str, low: float) -> Axis:
    """A share of which little is missing, from a little below `low` up to 1."""
    step = _round_step(max((1.0 - low) / 4, 0.001))
    n = math.ceil((1.0 - low) / step - 1e-9) or 1
    ticks = [1.0 - k * step for k in range(n, -1, -1)]
    return Axis(label, ticks[0], 1.0, tuple((at, percent(at)) for at in ticks))


def rate_axis(label: str, low: float) -> Axis:
    """A rate from `low` to 1 in the logarithm; its lowest tick is at `low`, where whole decades leave room."""
    decades = [rate for rate in _DECADES if rate > 1.8 * low]
    return Axis(label, low, 1.0, tuple((rate, percent(rate)) for rate in (low, *decades)), log=True)


def radius_axis(label: str, levels: Sequence[float]) -> Axis:
    """Radii in 1/255, doubling from tick to tick."""
    low, high = min(levels), max(levels)
    return Axis(label, low * 0.85, high * 1.15, tuple((level, f"{level:g}/255") for level in levels), log=True)


def score_axis(label: str, low: float, high: float) -> Axis:
    """Scores, with some round ticks."""
    step = _round_step((high - low) / 6)
    first = math.ceil(low / step)
    ticks = tuple((k * step, f"{k * step:.6g}") for k in range(first, math.floor(high / step) + 1))
    return Axis(label, low, high, ticks)


def dodged(series: Iterable[Series]) -> tuple[Series, ...]:
    """The same lines a little apart on an axis of radii, so that none hides another or its intervals."""
    lines = tuple(series)
    return tuple(
        replace(one, points=tuple((x * _APART ** (k - (len(lines) - 1) / 2), y) for x, y in one.points))
        for k, one in enumerate(lines)
    )


def percent(value: float) -> str:
    """A share as it is written on an axis."""
    return f"{100 * value:.3g}%"


def _round_step(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... from `step` on."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= step * (1 - 1e-9))
