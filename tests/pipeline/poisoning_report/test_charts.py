from pipeline.detector_report.drawing import drawing
from pipeline.poisoning_report.charts import accuracy_chart, calls_chart, loss_chart


def history(n, *, val=True):
    rows = [
        {"epoch": k, "loss": 2.0 / (k + 1), "accuracy": k / n, "val_loss": 0.3, "val_accuracy": 0.5} for k in range(n)
    ]
    return rows if val else [row | {"val_loss": None, "val_accuracy": None} for row in rows]


def test_every_model_has_a_line_for_training_and_one_for_validation():
    chart = loss_chart({"clean model": history(3), "poisoned model": history(2)})
    assert [series.name for series in chart.series] == [
        "clean model, training",
        "clean model, validation",
        "poisoned model, training",
        "poisoned model, validation",
    ]
    assert chart.series[0].points == ((1.0, 2.0), (2.0, 1.0), (3.0, 2 / 3))
    assert chart.y.high >= 2.0
    assert chart.table.rows[2] == ("3", "0.6667", "0.3000", "-", "-")


def test_without_validation_images_there_is_no_line_of_them():
    chart = accuracy_chart({"one": history(4, val=False)})
    assert [series.name for series in chart.series] == ["one, training"]
    assert chart.table.head == ("epoch", "one, training")


def test_one_epoch_is_drawn_as_a_mark():
    chart = accuracy_chart({"one": history(1)})
    assert chart.x.low < chart.x.high
    assert any(shape.role == "dot" for shape in drawing(chart) if hasattr(shape, "points"))


def test_many_epochs_have_few_ticks():
    assert len(loss_chart({"one": history(100)}).x.ticks) <= 8


def test_bars_stand_beside_each_other_as_high_as_their_counts():
    chart = calls_chart("t", "w.", ("a", "b"), {"true class": [3, 1], "one": [2, 2]})
    first, second = (series.points for series in chart.series)
    assert [y for _, y in first] == [0, 3, 3, 0, 0, 1, 1, 0]
    assert first[2][0] == second[0][0]
    assert first[0][0] > -0.5
    assert second[-1][0] < 1.5
    assert chart.table.rows == (("a", "3", "2"), ("b", "1", "2"))


def test_long_names_are_numbered_under_the_axis_and_named_in_the_table():
    names = tuple(f"a rather long name of class {k}" for k in range(4))
    chart = calls_chart("t", "w.", names, {"true class": [1, 1, 1, 1]})
    assert [words for _, words in chart.x.ticks] == ["0", "1", "2", "3"]
    assert "numbered" in chart.what
    assert chart.table.rows[3][0] == names[3]
