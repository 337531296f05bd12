"""Other ways of detecting on the page of the detector."""

from benchmarks.detector_methods import methods_caveats, methods_page
from tests.pipeline.detector_report.reports import comparison


def test_the_page_has_all_ways_with_their_cost():
    page = "\n".join(methods_page({"sources": "now", **comparison()}))
    assert "## Other ways of detecting, and what each costs" in page
    assert "Beside detector d1." in page
    assert "| 1. squeezing disagreement | somebody 2020 | 4.0 | 2.00 |" in page


def test_a_comparison_that_is_missing_or_older_is_named():
    assert list(methods_page({})) == []
    assert list(methods_caveats({}, "now")) == ["Not run: `methods`."]
    (older,) = methods_caveats({"sources": "before", **comparison()}, "now")
    assert older == "The other ways of detecting are kept from an earlier state of the detector's code."
    assert list(methods_caveats({"sources": "now", **comparison()}, "now")) == []
