"""What all tests of the reports take."""

import pytest

from benchmarks import detector_figures


@pytest.fixture
def few_resamples(monkeypatch):
    """Intervals from few draws, where none is looked at."""
    monkeypatch.setattr(detector_figures, "N_RESAMPLES", 20)
