"""The subject of the benchmarks that is a trained classifier: test scans that it has right, each once."""

from pathlib import Path

import pytest
import torch

from benchmarks.trained import trained_subject
from tests.fixtures.gate import TinyChain


def test_takes_test_scans_that_the_classifier_has_right(tiny_chain: TinyChain) -> None:
    subject = trained_subject(tiny_chain.root.path, 3)
    assert subject.x.shape[0] == len(subject.y) == 3
    assert torch.equal(subject.model(subject.x).argmax(1), subject.y)
    torch.testing.assert_close(subject.x * 255, (subject.x * 255).round(), atol=1e-4, rtol=0)


def test_says_what_is_missing(tiny_chain: TinyChain, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no classifier in .*; make results-main makes it"):
        trained_subject(tmp_path, 1)
    with pytest.raises(SystemExit, match=r"scans right; ask for a smaller batch"):
        trained_subject(tiny_chain.root.path, 10_000)
