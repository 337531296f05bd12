import pytest

from benchmarks.strip_cost import main, strip_cost, untrained


def test_each_overlay_adds_to_the_time_of_a_scan():
    found = strip_cost(untrained("SmallCNN", 28, 3), (2, 64), n=5)
    assert list(found["more_ms"]) == [2, 64]
    assert 1 < found["ratio"][2] < found["ratio"][64]
    assert found["ratio"][64] == pytest.approx(1 + found["more_ms"][64] / found["without_ms"])


def test_a_row_is_printed_for_each_classifier(capsys):
    assert main(["--scans", "1", "--only", "SmallCNN"]) == 0
    said = capsys.readouterr().out
    assert "| SmallCNN | 28 |" in said
    assert said.count(" times") == 3
