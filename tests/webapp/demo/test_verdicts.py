import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.gate.decision import Verdict
from tests.fixtures.gate import EPS, TinyChain
from webapp.demo.verdicts import Example, screen_examples, table
from webapp.errors import WebappError


@pytest.fixture
def examples(tiny_chain: TinyChain, tmp_path: Path) -> list[Example]:
    root = Path(shutil.copytree(tiny_chain.root.path, tmp_path / "data"))
    return screen_examples(root, tiny_chain.adversarial_set.id, tiny_chain.gate.id, attacks=("fgsm", "pgd"), eps=EPS)


def test_one_clean_scan_and_one_of_each_attack_are_screened_as_files(examples: list[Example]) -> None:
    assert [example.attack for example in examples] == ["none", "fgsm", "pgd"]
    assert len({example.decision.input_sha256 for example in examples}) == 3
    assert all(example.file.exists() for example in examples)


@pytest.mark.parametrize(
    ("attack", "right"),
    [("none", {Verdict.CLEAN}), ("fgsm", {Verdict.ADVERSARIAL}), ("cw", {Verdict.ADVERSARIAL})],
)
def test_only_the_deserved_verdict_is_right(examples: list[Example], attack: str, right: set[Verdict]) -> None:
    given = [
        replace(examples[0], attack=attack, decision=replace(examples[0].decision, verdict=verdict))
        for verdict in Verdict
    ]
    assert {example.decision.verdict for example in given if example.right} == right


def test_the_table_counts_and_marks_wrong_verdicts(examples: list[Example]) -> None:
    verdicts = (Verdict.CLEAN, Verdict.ADVERSARIAL, Verdict.UNCERTAIN)
    given = [
        replace(example, decision=replace(example.decision, verdict=verdict))
        for example, verdict in zip(examples, verdicts, strict=True)
    ]
    text = table(given)
    assert text.endswith("2 of 3 verdicts are right.")
    assert text.count("WRONG") == 1
    assert "WRONG" in next(line for line in text.splitlines() if line.startswith("pgd.png"))


def test_an_attack_that_never_succeeded_is_refused(tiny_chain: TinyChain, tmp_path: Path) -> None:
    root = Path(shutil.copytree(tiny_chain.root.path, tmp_path / "data"))
    with pytest.raises(WebappError, match="No cw fooled"):
        screen_examples(root, tiny_chain.adversarial_set.id, tiny_chain.gate.id, attacks=("cw",))
