"""What `attack` says to people, and whom it can aim at."""

from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.gate.decision import Verdict
from tests.fixtures.gate import TinyChain


@pytest.fixture
def said(tiny_chain: TinyChain, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Attacks a clean scan and gives the exit status and everything that was said."""

    def run(*options: str) -> tuple[int, str]:
        scan = tmp_path / "scan.png"
        scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
        at = ("--classifier", tiny_chain.classifier.id, "--root", tiny_chain.root.path, "--out", tmp_path / "adv.png")
        capsys.readouterr()
        status = main([*map(str, ("attack", scan, *at)), "--quiet", *options])
        told = capsys.readouterr()
        return status, told.out + told.err

    return run


@pytest.fixture
def classes(tiny_chain: TinyChain, said) -> tuple[str, str]:
    """The class that the classifier gives the scan, and another."""
    _, words = said("--eps=0")
    own = words.split(": ", 1)[1].split()[0]
    return own, next(name for name in tiny_chain.classifier.spec.classes if name != own)


def test_a_scan_that_keeps_its_class_stayed(said, classes) -> None:
    status, words = said("--eps=0")
    assert status == 0
    assert f"unchanged: {classes[0]} stayed, largest change 0.00/255, length 0" in words


def test_a_success_names_both_classes_and_both_sizes(said, classes) -> None:
    _, words = said("--eps=24/255")
    assert f"success: {classes[0]} became {classes[1]}, largest change 24.00/255, length " in words


def test_a_scan_that_the_classifier_has_wrong_is_told_with_its_label(said, classes) -> None:
    own, other = classes
    _, words = said(f"--label={other}")
    assert f"clean_wrong: {own} where --label says {other}, so that nothing was attacked" in words


def test_the_least_likely_class_can_be_aimed_at(said, classes) -> None:
    status, words = said("--eps=24/255", "--target=least_likely")
    assert status == 0
    assert f"{classes[0]} became {classes[1]}" in words


def test_a_target_that_is_the_class_of_the_scan_is_refused(said, classes) -> None:
    own, other = classes
    status, words = said(f"--target={own}")
    assert status == 1
    assert f"--target {own} is the class that the scan has; give another one of " in words
    assert other in words
