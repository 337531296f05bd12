"""The figures that fit or train something first: on which images, of what n, and made once."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks import attack_figures, attack_page, attack_transfer, attack_universal
from benchmarks.attack_subject import Subject
from datasets.progress import ignore
from pipeline.attacks.registry import create
from pipeline.attacks.universal_fit import fit_universal
from pipeline.training.settings import TrainingSettings
from tests.fixtures.gate import SIDE, TinyChain

N = 12


@pytest.fixture
def subject(tiny_chain: TinyChain, tmp_path: Path) -> Subject:
    return Subject.of(tiny_chain.classifier, tiny_chain.dataset, tmp_path, N)


def test_a_universal_perturbation_is_fitted_on_training_images_and_judged_on_test_images(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = subject.dataset
    fitted_on = []

    def watched(model, levels, bits, y, **how):
        fitted_on.append(levels)
        return fit_universal(model, levels, bits, y, **how)

    monkeypatch.setattr(attack_universal, "LEVELS", (64,))
    monkeypatch.setattr(attack_universal, "fit_universal", watched)
    (row,) = attack_universal.universal(subject, ignore)
    train = {dataset.items[i].pixels_sha256 for i in dataset.indices("train").tolist()}
    test = {dataset.items[i].pixels_sha256 for i in subject.indices}
    assert not train & test
    wanted = {image.tobytes() for image in dataset.batch(dataset.indices("train").tolist())}
    assert {image.tobytes() for image in fitted_on[0]} <= wanted
    assert row["eps"] == "64/255"
    assert row["attack"] == f"universal, fitted on {row['n_fitted']} training scans of which it fools {row['n_fooled']}"
    assert 0 < row["n_success"] <= row["n"] <= N
    assert row["largest_linf"] <= 64 / 255 + 1e-6
    assert attack_universal.universal(subject, ignore) == [row]
    assert len(fitted_on) == 1
    assert subject.stale == []


def test_keeps_what_became_of_each_scan(subject: Subject, tmp_path: Path) -> None:
    row = attack_figures.succeeded(subject, create("fgsm", {"eps": 64 / 255}))
    examples = row["examples"]
    assert [one["pixels_sha256"] for one in examples] == [sha for group in subject.groups() for sha in group.hashes]
    assert sum(one["status"] == "success" for one in examples) == row["n_success"] > 0
    assert sum(one["status"] != "clean_wrong" for one in examples) == row["n"]
    attack_page.write_examples(tmp_path / "examples.csv", [row, {**row, "eps": "twice"}])
    with (tmp_path / "examples.csv").open(newline="") as table:
        written = list(csv.DictReader(table))
    assert len(written) == 2 * N
    assert [line["eps"] for line in written] == ["64/255"] * N + ["twice"] * N
    assert written[0] == {key: str(value) for key, value in {"attack": "fgsm", "eps": "64/255", **examples[0]}.items()}


def test_scans_of_another_shape_are_not_counted(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = list(subject.groups())
    (group,) = groups
    half = dataclasses.replace(group, levels=group.levels[:5], y=group.y[:5], hashes=group.hashes[:5])
    other = dataclasses.replace(
        group, levels=np.repeat(group.levels[5:], 3, axis=3), y=group.y[5:], hashes=group.hashes[5:]
    )
    assert (half.kind, other.kind) == ((SIDE, SIDE, 1, 8), (SIDE, SIDE, 3, 8))
    monkeypatch.setattr(Subject, "groups", lambda *_: iter((half, other)))
    monkeypatch.setattr(attack_universal, "LEVELS", (64,))
    (row,) = attack_universal.universal(subject, ignore)
    assert row["n"] <= 5


def test_a_transfer_says_what_it_was_made_on_and_is_made_once(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = TrainingSettings(size=SIDE, epochs=3, averaging=0.9, seed=1, device="cpu")
    monkeypatch.setattr(attack_transfer, "SURROGATE", small)
    row = attack_transfer.transferred(subject, ignore)
    assert row["check"] == 5
    assert f"SequentialCNN of {SIDE} pixels a side and other starting weights, 3 epochs" in row["what"]
    assert 0 < row["n"] <= N
    assert "of these test scans right" in row["what"]
    monkeypatch.setattr(attack_transfer, "train_classifier", None)
    assert attack_transfer.transferred(subject, ignore) == row
