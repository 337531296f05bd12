"""Whatever is opened to be worked with is first held against its history."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adversarial.build import build_adversarial
from pipeline.adversarial.files import open_adversarial
from pipeline.artefacts import DataRoot
from pipeline.detection.files import open_detector
from pipeline.errors import BrokenHistory, PipelineError
from pipeline.gate.screening import open_gate
from pipeline.models.files import open_classifier
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.opening import checked_dataset
from tests.fixtures.before import forget, forget_all
from tests.fixtures.gate import TinyChain

LOADERS: dict[str, Callable[[Path], object]] = {
    "datasets": checked_dataset,
    "models": open_classifier,
    "adversarial": open_adversarial,
    "detectors": open_detector,
    "gates": open_gate,
}
# A word of each JSON file that the artefact's own hashes do not cover.
WORDS = {
    "datasets": ("manifest.json", '"split": "train"', '"split": "test"'),
    "models": ("classifier.json", '"name": "tiny"', '"name": "tidy"'),
    "adversarial": ("manifest.json", '"name": "tiny"', '"name": "tidy"'),
    "detectors": ("detector.json", '"name": "tiny"', '"name": "tidy"'),
    "gates": ("gate.json", '"name": "tiny"', '"name": "tidy"'),
}


@pytest.fixture
def own(tiny_chain: TinyChain, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_chain.root.path, tmp_path / "data"))


def folder_of(root: Path, chain: TinyChain, kind: str) -> Path:
    made = {
        "datasets": chain.dataset.id,
        "models": chain.classifier.id,
        "adversarial": chain.adversarial_set.id,
        "detectors": chain.detector.id,
        "gates": chain.gate.id,
    }
    return root / kind / made[kind]


@pytest.mark.parametrize("kind", LOADERS)
def test_what_is_whole_is_opened(tiny_chain: TinyChain, kind: str) -> None:
    assert LOADERS[kind](folder_of(tiny_chain.root.path, tiny_chain, kind))


@pytest.mark.parametrize("kind", LOADERS)
def test_a_changed_word_is_named_and_refused(tiny_chain: TinyChain, own: Path, kind: str) -> None:
    folder = folder_of(own, tiny_chain, kind)
    name, before, after = WORDS[kind]
    text = (folder / name).read_text()
    assert before in text
    (folder / name).write_text(text.replace(before, after, 1))
    with pytest.raises(BrokenHistory, match=rf"{kind}/{folder.name} is not what its history says: {name}: sha256"):
        LOADERS[kind](folder)


@pytest.mark.parametrize("kind", LOADERS)
def test_a_broken_link_is_named_and_refused(tiny_chain: TinyChain, own: Path, kind: str) -> None:
    folder = folder_of(own, tiny_chain, kind)
    path = folder / HISTORY
    path.write_bytes(path.read_bytes().replace(b'"seq":1', b'"seq":2', 1))
    with pytest.raises(BrokenHistory, match=r"event 1 .* was changed"):
        LOADERS[kind](folder)


@pytest.mark.parametrize("kind", LOADERS)
def test_what_was_made_before_histories_is_opened_as_before(tiny_chain: TinyChain, own: Path, kind: str) -> None:
    folder = folder_of(own, tiny_chain, kind)
    forget_all(own)
    assert LOADERS[kind](folder)


# What the ids are made from, changed so that the file still says what it said of itself.
CHANGED: dict[str, tuple[str, str]] = {
    "datasets": ("manifest.json", "it was changed since it was made"),
    "models": ("weights.safetensors", "weights of SHA-256 .* the folder was changed"),
    "detectors": ("weights.safetensors", "weights of SHA-256 .* the folder was changed"),
    "gates": ("gate.onnx", "gate.onnx has SHA-256"),
}


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("kind", CHANGED)
def test_what_was_changed_is_refused_though_no_history_is_left(
    tiny_chain: TinyChain, own: Path, kind: str, fitted: bool
) -> None:
    folder = folder_of(own, tiny_chain, kind)
    name, said = CHANGED[kind]
    forget_all(own)
    content = bytearray((folder / name).read_bytes())
    if kind == "datasets":
        content = bytearray(bytes(content).replace(b'"label": 1', b'"label": 0', 1))
    else:
        content[-1] ^= 1
    before = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / name).write_bytes(content)
    if fitted:  # The description names the weights that lie there now; the id is that of the others.
        for path in folder.glob("*.json"):
            path.write_text(path.read_text().replace(before, hashlib.sha256(content).hexdigest()))
        said = {"gates": "gate.json"}.get(kind, said)
    with pytest.raises(PipelineError, match=said):
        LOADERS[kind](folder)


def test_rows_of_an_adversarial_set_are_vouched_for_by_what_was_made_of_it(tiny_chain: TinyChain, own: Path) -> None:
    folder = folder_of(own, tiny_chain, "adversarial")
    forget(folder)
    with pytest.raises(BrokenHistory, match=f"though detectors/{tiny_chain.detector.id} was made of it"):
        open_adversarial(folder)


def test_an_adversarial_set_says_what_it_was_built_of(tiny_chain: TinyChain) -> None:
    built = tiny_chain.adversarial_set
    (event,) = read_history(built.folder, tiny_chain.root)
    assert (event.kind, event.what["recipe"]) == ("attack", built.recipe.to_json())
    assert event.what["rows_sha256"] == built.rows_sha256
    parents = [parent["subject"] for parent in event.what["parents"]]
    assert parents == [f"datasets/{tiny_chain.dataset.id}", f"models/{tiny_chain.classifier.id}"]
    assert all(parent["head"] for parent in event.what["parents"])
    trained = read_history(tiny_chain.detector.folder, tiny_chain.root)[0].what["parents"][0]
    assert (trained["subject"], trained["head"]) == (f"adversarial/{built.id}", event.sha256)


def test_a_set_of_a_broken_history_is_not_built_over(tiny_chain: TinyChain, own: Path) -> None:
    root, built = DataRoot(own), tiny_chain.adversarial_set
    path = root.adversarial / built.id / HISTORY
    path.write_bytes(path.read_bytes()[:-1])
    dataset = checked_dataset(root.datasets / tiny_chain.dataset.id)
    classifier = open_classifier(root.models / tiny_chain.classifier.id)
    with pytest.raises(BrokenHistory, match="its last line is not whole"):
        build_adversarial(dataset, classifier, built.recipe, root.adversarial, work=root.work)
