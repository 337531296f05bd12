"""What the tests of histories share."""

from pathlib import Path

import pytest

from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from tests.pipeline.provenance.small import imported


@pytest.fixture
def root(tmp_path: Path) -> DataRoot:
    return DataRoot(tmp_path)


@pytest.fixture
def dataset(root: DataRoot) -> Dataset:
    return imported(root)
