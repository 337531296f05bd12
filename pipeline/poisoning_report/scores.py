"""The tables of a run: the cells that flips aim at, scores of each class, and what a trigger does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.detector_report.blocks import Table
from pipeline.words import percent

Side = Mapping[str, Any]


def pairs_table(classes: Sequence[str], pairs: Sequence[Mapping[str, Any]]) -> Table | None:
    """Recall of each flipped class, and how many of its images are called its target; None for uniform flips."""
    if not pairs:
        return None
    rows = tuple(
        (
            f"{classes[pair['source']]} to {classes[pair['target']]}",
            str(pair["n"]),
            known(pair["recall_original"]),
            known(pair["recall_poisoned"]),
            str(pair["cell_original"]),
            str(pair["cell_poisoned"]),
        )
        for pair in pairs
    )
    head = ("flipped", "test images", "recall, original", "recall, poisoned", "called target, original")
    title = "The class that was flipped" if len(rows) == 1 else "The classes that were flipped"
    return Table(title, (*head, "called target, poisoned"), rows)


def classes_table(classes: Sequence[str], original: Side, poisoned: Side) -> Table:
    """Every class where all of them are flipped: its recall, and how many test images each model calls so."""
    told = zip(original["report"]["per_class"], poisoned["report"]["per_class"], strict=True)
    rows = tuple(
        (
            name,
            str(was["support"]),
            known(was["recall"]),
            known(is_now["recall"]),
            str(original["predicted"][k]),
            str(poisoned["predicted"][k]),
        )
        for k, (name, (was, is_now)) in enumerate(zip(classes, told, strict=True))
    )
    head = ("class", "test images", "recall, original", "recall, poisoned", "called so, original")
    return Table("Every class, all of which were flipped", (*head, "called so, poisoned"), rows)


def scores_table(sides: Mapping[str, Side]) -> Table:
    """Precision, recall and F1 of each class, model beside model."""
    scores = [("precision", "precision"), ("recall", "recall"), ("f1", "F1")]
    head = ("class", *(f"{words}, {what}" for _, words in scores for what in sides), "test images")
    return Table("Precision, recall and F1 of each class", head, tuple(_scores(sides, [name for name, _ in scores])))


def _scores(sides: Mapping[str, Side], names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    told = [side["report"]["per_class"] for side in sides.values()]
    for each in zip(*told, strict=True):
        cells = (known(one[name]) for name in names for one in each)
        yield (each[0]["name"], *cells, str(each[0]["support"]))


def trigger_table(rows: Mapping[str, Side]) -> Table:
    """Accuracy, and how often the trigger brings the target, of each model with its 95 % interval."""
    head = ("model", "accuracy on clean images", "trigger brings the target", "called the target without it")
    cells = tuple(
        (what, *(share(row[name]) for name in ("accuracy", "success", "without_trigger"))) for what, row in rows.items()
    )
    return Table("What the trigger does, with 95 % intervals of Wilson", head, cells)


def rates_table(rates: Mapping[str, Any], target: str) -> Table:
    """How much was poisoned, both ways that people count it."""
    rows = (
        ("of all training images", str(rates["n"]), str(rates["n_train"]), known(rates["of_all"])),
        (f"of those labelled {target}", str(rates["n"]), str(rates["n_target"]), known(rates["of_target"])),
    )
    return Table("Poisoned", ("of what", "poisoned", "of", "share"), rows)


def share(told: Mapping[str, Any]) -> str:
    """A share with its interval and its counts, from what `Share` told; a dash of nothing."""
    if told["value"] is None:
        return "-"
    value, low, high = (percent(told[name]) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high}), {told['n_hit']} of {told['n']}"


def known(value: float | None) -> str:
    """A share in words; a dash where there is none."""
    return "-" if value is None else percent(value)
