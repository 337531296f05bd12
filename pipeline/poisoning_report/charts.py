"""The charts of a run, each with its table: how the models learned, and what they call the test images."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.detector_report.axes import top_axis
from pipeline.detector_report.blocks import Axis, Chart, Series, Table
from pipeline.words import percent

History = Sequence[Mapping[str, Any]]

_N_TICKS = 8
# Letters that the names of all classes may have together under an axis; above it they are numbered.
_LETTERS = 60
# Of the place of a class, the share that its bars fill.
_FILLED = 0.8


def loss_chart(histories: Mapping[str, History]) -> Chart:
    """The loss of every model on its training images, labels as it was given them, and on validation images."""
    series = tuple(_curves(histories, "loss", "val_loss"))
    highest = max((y for one in series for _, y in one.points), default=1.0) or 1.0
    return Chart(
        title="Loss",
        what="Mean cross-entropy after every epoch. A model is measured on the labels that it was given, so that"
        " flipped ones hold the loss of training up; labels for validation are never poisoned.",
        x=_epochs(histories),
        y=_value_axis("loss", highest),
        series=series,
        table=_table("Loss after every epoch", histories, "loss", "val_loss", "{:.4f}".format),
    )


def accuracy_chart(histories: Mapping[str, History]) -> Chart:
    """The accuracy of every model on its training images, labels as it was given them, and on validation images."""
    series = tuple(_curves(histories, "accuracy", "val_accuracy"))
    return Chart(
        title="Accuracy",
        what="Share of images called as they are labelled, after every epoch, in training and validation; the axis"
        " begins where the lowest is.",
        x=_epochs(histories),
        y=_share_axis("accuracy", min((y for one in series for _, y in one.points), default=0.0)),
        series=series,
        table=_table("Accuracy after every epoch", histories, "accuracy", "val_accuracy", percent),
    )


def calls_chart(title: str, what: str, classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Chart:
    """How many images are called each class: one group of bars a class, one bar for each of the counts."""
    tallest = max((n for each in counts.values() for n in each), default=0) or 1
    named = sum(map(len, classes)) <= _LETTERS
    ticks = tuple((float(k), name if named else str(k)) for k, name in enumerate(classes))
    series = tuple(
        Series(name, tuple(_bars(each, number, len(counts)))) for number, (name, each) in enumerate(counts.items())
    )
    rows = tuple((name, *(str(each[k]) for each in counts.values())) for k, name in enumerate(classes))
    return Chart(
        title=title,
        what=what if named else f"{what} Classes are numbered as in the table, from 0.",
        x=Axis("class", -0.5, len(classes) - 0.5, ticks),
        y=_value_axis("images", float(tallest)),
        series=series,
        table=Table(title, ("class", *counts), rows),
    )


def _bars(counts: Sequence[int], number: int, n: int) -> Iterator[tuple[float, float]]:
    """The outline of one series of bars; between them it runs along the axis."""
    for k, count in enumerate(counts):
        left = k + _FILLED * (number / n - 0.5)
        right = left + _FILLED / n
        yield from ((left, 0.0), (left, float(count)), (right, float(count)), (right, 0.0))


def _curves(histories: Mapping[str, History], *names: str) -> Iterator[Series]:
    for what, history in histories.items():
        for name, words in zip(names, ("training", "validation"), strict=True):
            points = tuple((float(row["epoch"] + 1), float(row[name])) for row in history if row.get(name) is not None)
            if points:
                yield Series(f"{what}, {words}", points, dots=True)


def _table(title: str, histories: Mapping[str, History], own: str, val: str, form: Callable[[float], str]) -> Table:
    columns = [(what, name, words) for what in histories for name, words in ((own, "training"), (val, "validation"))]
    known = [column for column in columns if any(row.get(column[1]) is not None for row in histories[column[0]])]
    n = max(map(len, histories.values()), default=0)
    rows = tuple(
        (str(epoch + 1), *(_cell(histories[what], epoch, name, form) for what, name, _ in known)) for epoch in range(n)
    )
    return Table(title, ("epoch", *(f"{what}, {words}" for what, _, words in known)), rows)


def _cell(history: History, epoch: int, name: str, form: Callable[[float], str]) -> str:
    value = history[epoch].get(name) if epoch < len(history) else None
    return "-" if value is None else form(value)


def _epochs(histories: Mapping[str, History]) -> Axis:
    n = max(map(len, histories.values()), default=1) or 1
    step = math.ceil(n / _N_TICKS)
    ticks = tuple((float(epoch), str(epoch)) for epoch in range(1, n + 1, step))
    # Of one epoch alone there is still an axis.
    return Axis("epoch", 1.0 if n > 1 else 0.0, float(max(n, 2)), ticks)


def _share_axis(label: str, lowest: float) -> Axis:
    axis = top_axis(label, lowest)
    # Without a decimal that is 0: there is no room for it beside the label.
    return replace(axis, ticks=tuple((at, f"{100 * at:.3g} %") for at, _ in axis.ticks))


def _value_axis(label: str, highest: float) -> Axis:
    step = _round_step(highest / 4)
    n = math.ceil(highest / step - 1e-9)
    return Axis(label, 0.0, n * step, tuple((k * step, f"{k * step:.6g}") for k in range(n + 1)))


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `least`."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(times * power for times in (1, 2, 2.5, 5, 10) if times * power >= least * (1 - 1e-9))
