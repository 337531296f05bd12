"""Other ways of detecting in the report on a detector."""

import pytest

from pipeline.detector_report.blocks import Table, Words
from pipeline.detector_report.document import document, told
from pipeline.errors import BadDetector
from tests.pipeline.detector_report.reports import comparison, static


def section(facts):
    made = document(told("tiny", static(), (), facts))
    return next(one for one in made.sections if one.anchor == "methods")


def tables(facts):
    return {block.title: block for block in section(facts).blocks if isinstance(block, Table)}


def test_every_way_stands_with_its_source_and_its_cost():
    costs = tables(comparison())["What each adds to the classifier"]
    assert costs.rows == (
        ("1. squeezing disagreement", "somebody 2020", "4.0", "2.00"),
        ("2. fused", "somebody 2020", "4.0", "2.00"),
    )
    words = section(comparison()).blocks[0]
    assert "300 clean, 210 attacked scans" in words.text
    assert "the classifier's own pass takes 2.0 ms" in words.text


def test_the_figures_of_all_ways_share_a_row():
    found = tables(comparison())
    assert found["Found at a stated rate of 1.0%"].rows == (("PGD", "4/255", "40", "25.0%", "87.5%"),)
    assert found["AUROC against clean scans"].rows == (("PGD", "4/255", "40", "0.2500", "0.8750"),)
    assert found["Clean scans flagged"].rows == (
        ("as imported", "300", "1.0%", "1.0%"),
        ("jpeg 75", "30", "4.0%", "4.0%"),
    )


def test_a_cell_without_scans_is_a_dash():
    facts = comparison()
    facts["methods"][0]["cells"][0]["found"] = {"value": None, "low": None, "high": None}
    assert tables(facts)["Found at a stated rate of 1.0%"].rows[0][3] == "-"


def test_programs_are_given_the_comparison_as_it_was_kept():
    assert told("tiny", static(), (), comparison()).to_json()["comparison"] == comparison()
    assert told("tiny", static(), ()).to_json()["comparison"] is None


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (None, "run: .venv/bin/python -m pipeline compare-detectors d1"),
        ({"detector_ids": ["d1"], "refused": "too few scans; give more"}, "beside this one: too few scans; give more."),
    ],
)
def test_where_nothing_was_compared_it_says_why_or_how(facts, says):
    (only,) = section(facts).blocks
    assert isinstance(only, Words)
    assert says in only.text


def test_a_garbled_comparison_is_refused():
    facts = comparison()
    del facts["methods"][0]["ms"]
    with pytest.raises(BadDetector, match="make it anew with evaluate-detector, attack-gate or compare-detectors"):
        told("tiny", static(), (), facts)
