"""The report on the detector end to end, on a tiny chain: every stage runs, is kept, and is taken up."""

import json
from argparse import Namespace
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from benchmarks import detector_report, detector_stages
from benchmarks.detector_adaptive import ADAPTIVE, EVASIVE, HARDENED, PLAIN
from benchmarks.detector_methods import METHODS
from benchmarks.detector_plan import LEFT_OUT, Plan
from benchmarks.detector_stages import NEVER, STAGES, STATIC
from benchmarks.detector_work import Work
from datasets.progress import ignore
from datasets.splits import Shares
from pipeline.adversarial.recipe import AttackSpec, Recipe
from pipeline.artefacts import DataRoot
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.detection.compare import ComparisonSettings
from pipeline.detection.settings import DetectorSettings
from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.settings import TrainingSettings
from tests.fixtures.gate import SIDE

_TRAINING = TrainingSettings(size=SIDE, epochs=4, batch_size=16, device="cpu", mixed_precision=False, averaging=0.0)
_ON_TEST = {"splits": ("test",), "per_cell": 12}
PLAN = Plan(
    name="tiny",
    shares=Shares(train=0.3, val=0.05, detector=0.25, calibration=0.25, test=0.15),
    training=_TRAINING,
    other=TrainingSettings(**{**_TRAINING.to_json(), "seed": 1, "augmentation": _TRAINING.augmentation}),
    recipe=Recipe(
        attacks=(AttackSpec("fgsm", (8 / 255, 16 / 255)), AttackSpec("pgd", (16 / 255,), {"steps": 3})),
        per_cell={"detector": 30, "test": 20},
    ),
    detector=DetectorSettings(epochs=1, draws=16, batch=8, crop=None),
    alpha=0.1,
    variants={"head": Recipe(attacks=(AttackSpec("fgsm", 16 / 255, region="head"),), **_ON_TEST)},
    never_trained={
        "deepfool": Recipe(attacks=(AttackSpec("deepfool", None, {"steps": 5}),), **_ON_TEST),
    },
    past=Recipe(attacks=(AttackSpec("fgsm", 16 / 255),), **_ON_TEST),
    left_out=(("pgd",),),
    only_eps=(16 / 255,),
    hardened=TrainingSettings(
        **{**_TRAINING.to_json(), "augmentation": _TRAINING.augmentation},
        hardening=HardeningSettings(method="fast", eps=1 / 255),
    ),
    adaptive=AdaptivePlan(
        n=4, radii=(16,), grid=(16,), attacks=("joint_pgd",), params={"joint_pgd": {"steps": 2, "restarts": 1}}
    ),
    evasions=4,
    methods=ComparisonSettings(n_clean=60, n_attacked=4, n_controlled=2),
)


@pytest.fixture(scope="module")
def work(tiny_chain, tmp_path_factory):
    @contextmanager
    def stage(name):
        opened.append(name)
        yield ignore

    opened = []
    home = tmp_path_factory.mktemp("report")
    made = Work(tiny_chain.source, DataRoot(home / "data"), home / "notes", PLAN, stage)
    made.notes.mkdir()
    return made, opened


def asked(work, **given):
    usual = {"seeds": (0,), "stages": (), "gate": [], "out": work.notes / "page"}
    return Namespace(**{**usual, "speed_scans": 5, "data": work.source, "limit": None, **given})


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_stage_runs_is_kept_and_makes_the_page(work):
    made, opened = work
    detector_report.report(made, asked(made, stages=(*STAGES, detector_report.SPEED, ADAPTIVE, METHODS)))
    page = (made.notes / "page.md").read_text()
    facts = json.loads((made.notes / "page.json").read_text())
    assert {note["stage"] for note in facts["reports"]} == set(STAGES)
    for title in (
        "Never shown pgd",
        "Attacks on another classifier, with refit",
        "deepfool",
        "The same detector: head",
        "Attacks on test scans resized before",
        "A hardened classifier, with attacks and a detector of its own",
        "### Classifier hardened",
        "Of these scans as they are, before any attack, are flagged: ",
    ):
        assert title in page
    assert "**Not the whole protocol.**" in page
    assert "Not run: `static` for seed 1, 2." in page
    for architecture in ("SequentialCNN", "resnet18"):
        speed = next(goal for goal in facts["goals"] if goal["what"].endswith(f"{architecture}: p95"))
        assert speed["n"] == 5
    assert set(facts["adaptive"]) == {PLAIN, HARDENED, EVASIVE}
    assert facts["adaptive"][PLAIN]["detector_id"] != facts["adaptive"][HARDENED]["detector_id"]
    assert f"### Classifier {EVASIVE}" in page
    seed_1 = made.chain(1).detector.id
    assert {report["surrogate_id"] for report in facts["adaptive"].values()} == {seed_1}
    assert "| 6. fused | this project" in page
    assert facts["methods"]["detector_ids"] == [made.chain(0).detector.id]
    assert not any(
        "ways of detecting" in each or "adaptive figures" in each or "The times of" in each for each in facts["caveats"]
    )
    opened.clear()
    detector_report.report(made, asked(made, stages=tuple(STAGES)))
    assert [name for name in opened if not name.startswith("attacks: ")] == []
    detector_report.report(made, asked(made))
    assert (made.notes / "page.md").read_text() == page


def test_the_third_gate_has_a_detector_that_learned_from_attacks_on_itself():
    made = SimpleNamespace(detector="first", adversarial="rows", dataset="scans", classifier="c")
    given = SimpleNamespace(plan=PLAN, chain=lambda seed: made, detector=lambda *on: on)
    on = detector_stages.evasive_chain(given, 1)
    assert (on.rows, on.dataset, on.classifier) == ("rows", "scans", "c")
    _, classifier, rows, settings = on.detector
    assert (classifier, rows) == ("c", "rows")
    assert (settings.seed, settings.evasions, settings.is_hardened) == (1, PLAN.evasions, True)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_seed_has_attacks_and_a_detector_of_its_own_on_the_same_split(work):
    first, second = (work[0].chain(seed) for seed in (0, 1))
    assert (first.dataset.id, first.classifier.id) == (second.dataset.id, second.classifier.id)
    assert first.adversarial.id != second.adversarial.id
    assert first.detector.id != second.detector.id


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_try_is_kept_apart_and_says_so(work):
    made, _ = work
    few = Work(made.source, made.root, made.notes, PLAN, made.stage, limit=6)
    detector_report.report(few, asked(few, stages=(STATIC,), limit=6, out=made.notes / "few"))
    assert "A try on at most 6 test scans" in (made.notes / "few.md").read_text()
    assert json.loads((made.notes / "few.json").read_text())["reports"][0]["report"]["n_clean"] == 6
    assert detector_report.kept(few, NEVER, 0) == []


def test_the_main_job_of_seed_0_is_that_of_results_main():
    from pipeline.adversarial.recipe import DEFAULT_RECIPE

    choices = Plan(name="brain_mri").choices(0)
    assert (choices.seed, choices.recipe, choices.alpha) == (0, DEFAULT_RECIPE, 0.01)
    assert choices.training == TrainingSettings()
    assert choices.detector.to_json() == DetectorSettings().to_json()


def test_each_attack_and_the_family_of_near_twins_is_left_out_once():
    assert LEFT_OUT == (("fgsm",), ("bim",), ("pgd",), ("mim",), ("cw",), ("bim", "pgd", "mim"))


@pytest.mark.parametrize("found", [None, "there"])
def test_only_attacks_of_a_toolbox_that_is_absent_are_left_out(monkeypatch, found):
    monkeypatch.setattr(detector_stages, "find_spec", lambda name: found)
    monkeypatch.setattr(detector_stages, "_on_sets", lambda work, seed, stage, sets: list(sets))
    plan = Plan(name="brain_mri")
    expected = [name for name in plan.never_trained if found or not name.startswith("art:")]
    assert detector_stages.never_trained(Namespace(plan=plan), 0) == expected
    assert len(expected) < len(plan.never_trained) or found


@pytest.mark.parametrize("words", [["--stages", "static,nothing"], ["--seeds", "0,7"]])
def test_what_is_no_stage_or_seed_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        detector_report.main(["brain_mri.zip", *words])
    assert "give some of" in capsys.readouterr().err
