"""A repair as its page shows it, from the report that was kept of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.detector_report.blocks import Chart, Table
from pipeline.poisoning_report.charts import accuracy_chart, calls_chart, loss_chart
from pipeline.poisoning_report.scores import known, scores_table, share, trigger_table

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class RepairPage:
    """What a repair gained.

    Attributes:
        classes: in the order of their numbers.
        analysis: in sentences.
        front: before and after, figure by figure.
        trigger: what the trigger does; None where the lab knows of none.
        truth: what became of poisoned and honest images; None where nobody knows.
        changes: training images of each class, and what was done to them.
        charts: each with its table.
        scores: of each class.
        confusions: `confusion[true][predicted]`, before and after.
        classifiers: their ids, before and after.
    """

    classes: tuple[str, ...]
    analysis: tuple[str, ...]
    front: Table
    trigger: Table | None
    truth: Table | None
    changes: Table
    charts: tuple[Chart, ...]
    scores: Table
    confusions: Mapping[str, Sequence[Sequence[int]]]
    classifiers: Mapping[str, str]


def repair_page(report: Mapping[str, Any]) -> RepairPage:
    """The page of a kept report, as `Reverified` tells it."""
    sides = {BEFORE: report["before"], AFTER: report["after"]}
    histories = {what: side["history"] for what, side in sides.items() if side["history"]}
    true = [sum(row) for row in report["before"]["report"]["confusion"]]
    calls = calls_chart(
        "Predictions",
        "How many test images are of each class, and how many each classifier calls so.",
        report["classes"],
        {"true class": true, **{what: side["predicted"] for what, side in sides.items()}},
    )
    return RepairPage(
        classes=tuple(report["classes"]),
        analysis=tuple(report["analysis"]),
        front=_front(report, sides),
        trigger=_trigger(report),
        truth=truth_table(report["truth"]) if "truth" in report else None,
        changes=changes_table(
            report["classes"],
            report["counts"]["before"],
            [row["label"] for row in report["dropped"]],
            [(row["from"], row["to"]) for row in report["relabelled"]],
        ),
        charts=(*((loss_chart(histories), accuracy_chart(histories)) if histories else ()), calls),
        scores=scores_table(sides),
        confusions={what: side["report"]["confusion"] for what, side in sides.items()},
        classifiers={what: side["classifier_id"] for what, side in sides.items()},
    )


def changes_table(
    classes: Sequence[str], counts: Sequence[int], dropped: Sequence[int], relabelled: Sequence[tuple[int, int]]
) -> Table:
    """Training images of each class before, what is done to them, and what is left.

    Args:
        classes: their names.
        counts: training images of each class before.
        dropped: the class of each dropped image.
        relabelled: the class of before and the new one of each relabelled image.
    """
    lost, away, to = Counter(dropped), Counter(one for one, _ in relabelled), Counter(other for _, other in relabelled)
    columns = [(n, lost[k], away[k], to[k]) for k, n in enumerate(counts)]
    rows = [(name, *map(str, (n, d, a, t, n - d - a + t))) for name, (n, d, a, t) in zip(classes, columns, strict=True)]
    sums = [sum(column) for column in zip(*columns, strict=True)]
    total = ("all", *map(str, (*sums, sums[0] - sums[1])))
    head = ("class", "training images before", "dropped", "relabelled to another", "relabelled to it", "after")
    return Table("Training images of each class", head, (*rows, total))


def truth_table(truth: Mapping[str, int]) -> Table:
    """What became of the images that the lab had poisoned, and of the honest ones."""
    head = ("in truth", "training images", "dropped", "clean label back", "wrong label now", "left as they were")
    names = ("n_poisoned", "n_dropped", "n_restored", "n_mislabelled", "n_left")
    lost, wrong = truth["n_honest_dropped"], truth["n_honest_relabelled"]
    honest = (truth["n_honest"], lost, "-", wrong, truth["n_honest"] - lost - wrong)
    rows = (("poisoned", *(str(truth[name]) for name in names)), ("honest", *map(str, honest)))
    return Table("What the lab knows of these images", head, rows)


def _front(report: Mapping[str, Any], sides: Mapping[str, Any]) -> Table:
    return Table("Before and after, with 95 % intervals of Wilson", ("", *sides), tuple(_figures(report, sides)))


def _figures(report: Mapping[str, Any], sides: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    yield ("training images", *(str(sum(report["counts"][when])) for when in sides))
    yield ("right of all test images", *(_accuracy(side["report"]) for side in sides.values()))
    for label, name in enumerate(report["classes"]):
        recalls = [side["report"]["per_class"][label]["recall"] for side in sides.values()]
        yield (f"recall of {name}", *map(known, recalls))
    flags = [report["flagged_before"], report["flagged_after"]]
    yield (f"training images that {report['finder']} flags", *(share(one["flagged"]) for one in flags))
    if flags[0]["poisoned"] is not None:
        yield ("of those that are poisoned", *(share(one["poisoned"]) for one in flags))
        yield ("of all others", *(share(one["honest"]) for one in flags))


def _accuracy(report: Mapping[str, Any]) -> str:
    n, (low, high) = report["n"], report["interval"]
    return share({"value": report["accuracy"], "low": low, "high": high, "n_hit": _right(report), "n": n})


def _right(report: Mapping[str, Any]) -> int:
    return sum(row[k] for k, row in enumerate(report["confusion"]))


def _trigger(report: Mapping[str, Any]) -> Table | None:
    if "trigger_after" not in report:
        return None
    return trigger_table({BEFORE: report["trigger_before"], AFTER: report["trigger_after"]})
