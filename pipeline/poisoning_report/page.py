"""A run of the poisoning lab as its page shows it, from the report that was kept of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.detector_report.blocks import Chart, Table
from pipeline.poisoning.answers import Answers
from pipeline.poisoning.flips import NAMING
from pipeline.poisoning.poison import FLIPS
from pipeline.poisoning_report.charts import accuracy_chart, calls_chart, loss_chart
from pipeline.poisoning_report.scores import classes_table, pairs_table, rates_table, scores_table, trigger_table


@dataclass(frozen=True)
class RunPage:
    """What a run found.

    Attributes:
        analysis: in sentences.
        warning: what must stand before everything else; None where nothing.
        front: the tables that the run was made for.
        charts: each with its table.
        scores: of each class.
        confusions: `confusion[true][predicted]` of each model, by its words.
        classifiers: their ids, by the same words.
        sets: the poisoned data sets, by the words of the model that learned from them.
    """

    classes: tuple[str, ...]
    analysis: tuple[str, ...]
    warning: str | None
    front: tuple[Table, ...]
    charts: tuple[Chart, ...]
    scores: Table
    confusions: Mapping[str, Sequence[Sequence[int]]]
    classifiers: Mapping[str, str]
    sets: Mapping[str, str]


def run_page(report: Mapping[str, Any], kept: Mapping[str, Answers], *, clean: str, flipped: str) -> RunPage:
    """The page of a kept report.

    Args:
        report: as `FlipReport` or `BackdoorReport` tells it, with its "lab".
        kept: what the models say of the test images, "clean" and for a backdoor "triggered".
        clean: what the model of the clean data is called.
        flipped: what the model of flipped labels is called.
    """
    flips = report["lab"] == FLIPS
    if flips:
        sides = {clean: report["original"], flipped: report["poisoned"]}
        sets = {flipped: report["poisoned_id"]}
    else:
        sides = {clean: report["original"], **{row["what"]: row for row in report["rows"]}}
        sets = {row["what"]: row["poisoned_id"] for row in report["rows"]}
    histories = {what: side["history"] for what, side in sides.items()}
    return RunPage(
        classes=tuple(report["classes"]),
        analysis=tuple(report["analysis"]),
        warning=report.get("warning"),
        front=_flip_front(report) if flips else _backdoor_front(report, sides),
        charts=(loss_chart(histories), accuracy_chart(histories), *_calls(report, sides, kept)),
        scores=scores_table(sides),
        confusions={what: side["report"]["confusion"] for what, side in sides.items()},
        classifiers={what: side["classifier_id"] for what, side in sides.items()},
        sets=sets,
    )


def _flip_front(report: Mapping[str, Any]) -> tuple[Table, ...]:
    pairs = pairs_table(report["classes"], report["pairs"])
    if report["recipe"]["kind"] in NAMING:
        return () if pairs is None else (pairs,)
    every = classes_table(report["classes"], report["original"], report["poisoned"])
    return (every,) if pairs is None else (every, pairs)


def _backdoor_front(report: Mapping[str, Any], sides: Mapping[str, Any]) -> tuple[Table, ...]:
    target = report["classes"][report["rows"][0]["recipe"]["target"]]
    return trigger_table(sides), rates_table(report["rates"], target)


def _calls(report: Mapping[str, Any], sides: Mapping[str, Any], kept: Mapping[str, Answers]) -> tuple[Chart, ...]:
    classes = report["classes"]
    true = [sum(row) for row in next(iter(sides.values()))["report"]["confusion"]]
    predicted = {what: side["predicted"] for what, side in sides.items()}
    charts = [
        calls_chart(
            "Predictions",
            "How many clean test images are of each class, and how many each model calls so.",
            classes,
            {"true class": true, **predicted},
        )
    ]
    if "triggered" in kept:
        told = {
            what: [int((said == k).sum()) for k in range(len(classes))]
            for what, said in kept["triggered"].classes.items()
        }
        charts.append(
            calls_chart(
                "Predictions with the trigger on",
                "The same images with the trigger laid on each of them.",
                classes,
                {"true class": true, **told},
            )
        )
    return tuple(charts)
