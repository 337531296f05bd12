"""Every figure of the main job, and the two files that they are published in."""

import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from datasets.atomic import replacing, write_json
from datasets.progress import Progress, ignore
from pipeline.detection.evaluate import evaluate_detector
from pipeline.detection.report import DetectorReport
from pipeline.evaluation import ClassifierReport, evaluate_classifier, wilson_interval
from pipeline.run import Choices, Made

ACCURACY_GOAL = 0.95
AUROC_GOAL = 0.99
TRAINING_GOAL_S = 30 * 60
IMPORT_GOAL_S = 120
# The null attack must not be told from clean scans: detection.md's tolerance for some hundred scans.
NULL_GOAL = (0.47, 0.53)


@dataclass(frozen=True)
class Figures:
    """What was measured, and on what."""

    made: Made
    choices: Choices
    classifier: ClassifierReport
    detector: DetectorReport


@dataclass(frozen=True)
class Goal:
    """One promise of the project beside what came of it."""

    what: str
    goal: str
    value: str
    n: int
    met: bool


def measure(made: Made, choices: Choices, *, progress: Progress = ignore) -> Figures:
    """Judge classifier and detector on the test split, which neither weights nor thresholds come from."""
    classifier = evaluate_classifier(made.classifier, made.dataset, progress=progress)
    detector = evaluate_detector(
        made.detector,
        made.adversarial,
        made.dataset,
        made.classifier,
        alpha=choices.alpha,
        seed=choices.seed,
        progress=progress,
    )
    return Figures(made, choices, classifier, detector)


def goals(figures: Figures) -> list[Goal]:
    """All promises of the main job, kept or not."""
    report, detector, seconds = figures.classifier, figures.detector, figures.made.seconds
    low, high = detector.band
    alarms = detector.clean_alarms.value or 0.0
    found = [
        Goal("import", f"at most {IMPORT_GOAL_S} s", f"{seconds['import']:.0f} s", len(figures.made.dataset),
             seconds["import"] <= IMPORT_GOAL_S),
        Goal("classifier, training time", f"at most {TRAINING_GOAL_S} s", f"{seconds['classifier']:.0f} s",
             int(str(figures.made.classifier.notes["n_train"])), seconds["classifier"] <= TRAINING_GOAL_S),
        Goal("classifier, test accuracy", f"at least {ACCURACY_GOAL:.0%}", f"{report.accuracy:.2%}", report.n,
             report.accuracy >= ACCURACY_GOAL),
    ]  # fmt: skip
    for cell in detector.cells:
        name = f"AUROC {_cell_name(cell.attack, cell.eps)}"
        value = cell.auroc.value
        shown = "no successful attack" if value is None else f"{value:.4f}"
        found.append(Goal(name, f"at least {AUROC_GOAL}", shown, cell.n, value is not None and value >= AUROC_GOAL))
    found.append(
        Goal(
            "clean scans flagged", f"{low:.2%} to {high:.2%}", f"{alarms:.2%}", detector.n_clean, low <= alarms <= high
        )
    )
    null = detector.null_attack
    within = NULL_GOAL[0] <= null <= NULL_GOAL[1]
    found.append(
        Goal("null attack, AUROC", f"{NULL_GOAL[0]} to {NULL_GOAL[1]}", f"{null:.3f}", detector.n_clean, within)
    )
    return found


def write_report(figures: Figures, stem: Path) -> Path:
    """Write `stem`.md and `stem`.json; give the first."""
    reached = goals(figures)
    page, data = stem.with_suffix(".md"), stem.with_suffix(".json")
    page.parent.mkdir(parents=True, exist_ok=True)
    with replacing(page) as incoming:
        incoming.write_text("\n".join(_page(figures, reached)) + "\n")
    facts = {
        "seed": figures.choices.seed,
        "machine": _machine(),
        "seconds": figures.made.seconds,
        "goals": [vars(goal) for goal in reached],
        "classifier": figures.classifier.to_json(),
        "attacks": list(figures.made.adversarial.counts),
        "detector": figures.detector.to_json(),
    }
    write_json(data, facts)
    return page


def _page(figures: Figures, reached: list[Goal]) -> Iterator[str]:
    made, choices = figures.made, figures.choices
    yield from (f"# The main job on {choices.name}", "")
    yield (
        "Made by `make results-main DATA=<zip>`. Weights, epochs and thresholds come from the other splits; what was "
        "changed after a look at the test split is told in README.md beside this page."
    )
    yield from ("", f"Seed {choices.seed}. {_machine()}.", "")
    yield "| stage | seconds |"
    yield "|---|---|"
    yield from (f"| {stage} | {seconds:.0f} |" for stage, seconds in made.seconds.items())
    yield from ("", "## Goals", "", "| what | goal | value | n | met |", "|---|---|---|---|---|")
    yield from (f"| {g.what} | {g.goal} | {g.value} | {g.n} | {'yes' if g.met else '**no**'} |" for g in reached)
    yield from ("", "## Data", "")
    splits = Counter(item.split for item in made.dataset.items)
    yield "| split | images |"
    yield "|---|---|"
    yield from (f"| {split} | {n} |" for split, n in sorted(splits.items()))
    yield from ("", "`dropped` are copies and near copies of images in other splits or under other classes.", "")
    yield from ("## Classifier", "", f"{made.classifier.spec.architecture}, test split:", "", "```")
    yield figures.classifier.table()
    yield from ("```", "", "## Attacks on the test split, judged on the file as written and read again", "")
    yield "| attack | eps | attacked | fool the classifier | share (95 %) | unchanged |"
    yield "|---|---|---|---|---|---|"
    yield from _attack_rows(figures)
    yield from ("", "Attacked are the scans that the classifier had right.", "", "## Detector and gate", "")
    yield figures.detector.to_markdown().rstrip()


def _attack_rows(figures: Figures) -> Iterator[str]:
    for count in figures.made.adversarial.counts:
        if count["split"] != "test":
            continue
        attacked, fooled = int(str(count["attacked"])), int(str(count["success"]))
        share = "-"
        if attacked:
            low, high = wilson_interval(fooled, attacked)
            share = f"{fooled / attacked:.1%} ({low:.1%} to {high:.1%})"
        attack, eps = str(count["attack"]), float(str(count["eps"]))
        yield f"| {attack} | {_radius(eps)} | {attacked} | {fooled} | {share} | {count['unchanged']} |"


def _cell_name(attack: str, eps: float) -> str:
    return f"{attack} {_radius(eps)}" if eps > 0 else attack


def _radius(eps: float) -> str:
    return f"{255 * eps:.3g}/255" if eps > 0 else "-"


def _machine() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{torch.get_num_threads()} threads of {model}, {platform.system()}, Python {platform.python_version()}, "
        f"torch {version('torch')}, ONNX Runtime {version('onnxruntime')}"
    )
