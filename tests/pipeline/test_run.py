"""The whole chain: made once, taken up afterwards, and reported in full."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from datasets.progress import Progress, ignore
from datasets.splits import Shares
from pipeline.adversarial.recipe import AttackSpec, Recipe
from pipeline.artefacts import DataRoot
from pipeline.detection.settings import DetectorSettings
from pipeline.errors import BadGate
from pipeline.main_job_report import goals, measure, write_report
from pipeline.run import Choices, classify, run
from pipeline.training.settings import TrainingSettings
from tests.fixtures.gate import TinyChain

STEPS = ["import", "classifier", "attacks", "detector", "release"]
CHOICES = Choices(
    name="tiny",
    shares=Shares(train=0.3, val=0.05, detector=0.25, calibration=0.25, test=0.15),
    training=TrainingSettings(size=32, epochs=6, batch_size=16, device="cpu", mixed_precision=False, averaging=0.0),
    recipe=Recipe(attacks=(AttackSpec("fgsm", 16 / 255),), splits=("detector", "test")),
    detector=DetectorSettings(epochs=1, draws=16, batch=8, crop=None),
    alpha=0.1,
)


class Stages:
    """Remembers which stages were opened; breaks off in one of them where asked to."""

    def __init__(self, *, broken: str | None = None) -> None:
        self.opened: list[str] = []
        self.broken = broken

    @contextmanager
    def __call__(self, name: str) -> Iterator[Progress]:
        self.opened.append(name)
        yield self.stop if name == self.broken else ignore

    def stop(self, done: int, total: int, message: str) -> None:
        raise KeyboardInterrupt


def test_a_second_run_makes_nothing_and_a_broken_one_is_taken_up(tiny_chain: TinyChain, tmp_path: Path) -> None:
    root, broken, rest, again = DataRoot(tmp_path), Stages(broken="detector"), Stages(), Stages()
    with pytest.raises(KeyboardInterrupt):
        run(tiny_chain.source, root, CHOICES, broken)
    assert broken.opened == STEPS[:4]
    made = run(tiny_chain.source, root, CHOICES, rest)
    assert rest.opened == STEPS[3:]
    assert run(tiny_chain.source, root, CHOICES, again).gate == made.gate
    assert again.opened == []


def test_the_report_sets_every_goal_beside_its_value(tiny_chain: TinyChain, tmp_path: Path) -> None:
    made = run(tiny_chain.source, DataRoot(tmp_path), CHOICES, Stages())
    figures = measure(made, CHOICES)
    page = write_report(figures, tmp_path / "report")
    facts = json.loads((tmp_path / "report.json").read_text())
    assert [set(goal) for goal in facts["goals"]] == [{"what", "goal", "value", "n", "met"}] * len(goals(figures))
    accuracy = next(goal for goal in facts["goals"] if goal["what"] == "classifier, test accuracy")
    assert accuracy["met"] == (figures.classifier.accuracy >= 0.95)
    assert all(goal["what"] in page.read_text() for goal in facts["goals"])


@pytest.mark.parametrize("alpha", [7.0, 0.0, -1.0, float("nan")])
def test_a_rate_that_no_gate_can_have_is_refused_before_the_work(alpha: float) -> None:
    with pytest.raises(BadGate, match=r"give a false-alarm rate within \(0, 0\.5\]"):
        Choices(name="tiny", alpha=alpha)


def test_the_first_steps_alone_make_what_the_whole_chain_makes(tiny_chain: TinyChain, tmp_path: Path) -> None:
    dataset, classifier = classify(tiny_chain.source, DataRoot(tmp_path), CHOICES, Stages())
    assert classifier.parents == (dataset.id,)
    again = Stages()
    assert classify(tiny_chain.source, DataRoot(tmp_path), CHOICES, again)[1].id == classifier.id
    assert again.opened == []
