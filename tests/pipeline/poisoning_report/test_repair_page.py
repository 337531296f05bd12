import pytest

from pipeline.poisoning_report.repair_page import changes_table, repair_page, truth_table


def share(n_hit, n):
    return {"value": n_hit / n if n else None, "low": 0.0, "high": 1.0, "n_hit": n_hit, "n": n}


def side(history=()):
    scores = [{"name": name, "precision": 1.0, "recall": 0.5, "f1": 0.75, "support": 2} for name in ("a", "b")]
    report = {"n": 4, "accuracy": 0.75, "interval": [0.3, 0.95], "confusion": [[2, 0], [1, 1]], "per_class": scores}
    return {"classifier_id": "c", "report": report, "predicted": [3, 1], "history": list(history)}


@pytest.fixture
def report():
    flags = {"flagged": share(2, 10), "poisoned": None, "honest": None}
    return {
        "classes": ["a", "b"],
        "counts": {"before": [6, 4], "after": [6, 3]},
        "dropped": [{"item": 1, "name": "x", "label": 1}],
        "relabelled": [],
        "before": side(),
        "after": side(),
        "finder": "fused",
        "flagged_before": flags,
        "flagged_after": flags | {"flagged": share(0, 9)},
        "analysis": ["Said."],
    }


def test_every_training_image_is_counted_before_and_after():
    table = changes_table(("a", "b", "c"), [6, 4, 5], [1, 1, 0], [(2, 0), (2, 1)])
    assert table.rows == (
        ("a", "6", "1", "0", "1", "6"),
        ("b", "4", "2", "0", "1", "3"),
        ("c", "5", "0", "2", "0", "3"),
        ("all", "15", "3", "2", "2", "12"),
    )
    assert len(table.head) == 6


def test_poisoned_and_honest_images_are_all_accounted_for():
    names = ("n_poisoned", "n_dropped", "n_restored", "n_mislabelled", "n_left")
    truth = dict(zip(names, (9, 3, 2, 1, 3), strict=True))
    table = truth_table({**truth, "n_honest": 20, "n_honest_dropped": 4, "n_honest_relabelled": 1})
    assert table.rows == (("poisoned", "9", "3", "2", "1", "3"), ("honest", "20", "4", "-", "1", "15"))


def test_what_nobody_knows_has_no_row_and_no_table(report):
    page = repair_page(report)
    assert [row[0] for row in page.front.rows] == [
        "training images",
        "right of all test images",
        "recall of a",
        "recall of b",
        "training images that fused flags",
    ]
    assert page.front.rows[0][1:] == ("10", "9")
    assert page.front.rows[1][1] == "75.0 % (30.0 % to 95.0 %), 3 of 4"
    assert (page.trigger, page.truth) == (None, None)


def test_classifiers_without_a_history_have_no_curves(report):
    assert [chart.title for chart in repair_page(report).charts] == ["Predictions"]
    history = [{"epoch": 0, "loss": 1.0, "accuracy": 0.5, "val_loss": None, "val_accuracy": None}]
    page = repair_page(report | {"after": side(history)})
    assert [chart.title for chart in page.charts] == ["Loss", "Accuracy", "Predictions"]
    assert [series.name for series in page.charts[0].series] == ["after, training"]


def test_what_the_lab_knows_is_shown(report):
    known = {"flagged": share(2, 10), "poisoned": share(2, 2), "honest": share(0, 8)}
    trigger = {name: share(1, 2) for name in ("accuracy", "success", "without_trigger")}
    more = {"flagged_before": known, "flagged_after": known, "trigger_before": trigger, "trigger_after": trigger}
    page = repair_page(report | more)
    assert [row[0] for row in page.front.rows][-2:] == ["of those that are poisoned", "of all others"]
    assert [row[0] for row in page.trigger.rows] == ["before", "after"]
