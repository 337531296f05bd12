"""The exports are judged by the validators of their standards."""

import json
from pathlib import Path

import pytest

from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory, UnknownArtefact
from pipeline.provenance.chain import read_history
from pipeline.provenance.event import EventKind
from pipeline.provenance.export import exported
from pipeline.provenance.manifest import manifest_of
from pipeline.provenance.record import checked, recorded
from tests.fixtures.before import forget, forget_all
from tests.pipeline.provenance.small import CLASSES, items_of, pictures, trained, written

SAID = {"license": "https://spdx.org/licenses/CC0-1.0.html", "creator": "A clinic", "url": "https://example.org/scans"}
SAID["citeAs"] = "A clinic, 2026"


@pytest.fixture
def model(root: DataRoot, dataset: Dataset) -> Path:
    """A classifier's folder, described as classifiers are."""
    folder = trained(root)
    spec = {
        "architecture": "SequentialCNN",
        "channels": 1,
        "height": 8,
        "width": 8,
        "classes": CLASSES,
        "head": "logits",
    }
    described = {"id": folder.name, "name": "small", "spec": spec, "parents": [dataset.id]}
    notes = {"origin": "trained", "settings": {"epochs": 3, "hardening": None}}
    (folder / "classifier.json").write_text(json.dumps({**described, "notes": notes}))
    forget(folder)
    recorded(folder, root, EventKind.TRAINING, by="ann", facts={"seed": 1}, parents=[checked(dataset.folder)])
    return folder


def _text(value: str | bytes) -> str:
    """Text as mlcroissant reads it: bytes from a file, str from what stands in the description."""
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.filterwarnings("ignore")  # What the validators warn of in their own libraries is theirs.
def test_croissant_is_valid_and_its_records_can_be_read(root: DataRoot, dataset: Dataset) -> None:
    from mlcroissant import Dataset as Croissant

    told = exported(dataset.folder, root, said=SAID)
    (dataset.folder / "croissant.json").write_text(json.dumps(told))
    read = Croissant(dataset.folder / "croissant.json")
    assert not read.metadata.ctx.issues.errors
    assert not read.metadata.ctx.issues.warnings
    records = list(read.records("images"))
    assert [_text(row["images/name"]) for row in records] == [item.name for item in dataset.items]
    assert [row["images/label"] for row in records] == dataset.labels.tolist()
    assert {_text(row["classes/name"]) for row in read.records("classes")} == set(CLASSES)


def test_croissant_names_files_and_makers(root: DataRoot, dataset: Dataset) -> None:
    told = exported(dataset.folder, root)
    assert {one["name"]: one["sha256"] for one in told["distribution"]}.items() <= dict(
        manifest_of(dataset.folder).files
    ).items()
    assert told["identifier"] == dataset.id
    (activity,) = told["prov:wasGeneratedBy"]
    assert (activity["prov:label"], activity["prov:wasAssociatedWith"]["prov:label"]) == ("import", "ann")
    assert not {"license", "creator", "url"} & set(told)  # Nobody said them.


def test_croissant_of_a_derived_set_names_what_it_was_made_of(root: DataRoot, dataset: Dataset) -> None:
    made = written(root, pictures(4), items_of(pictures(4)))
    recorded(made.folder, root, EventKind.DROP, by="ann", parents=[checked(dataset.folder)])
    told = exported(made.folder, root)
    assert told["prov:wasDerivedFrom"] == [{"@id": f"urn:scangate:datasets:{dataset.id}", "@type": "prov:Entity"}]


@pytest.mark.filterwarnings("ignore")
def test_the_bill_of_materials_is_valid(root: DataRoot, model: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    told = json.dumps(exported(model, root))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(told) is None
    wrong = told.replace('"machine-learning-model"', '"machine-learned-model"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(wrong) is not None


def test_the_bill_of_materials_names_weights_and_data(root: DataRoot, dataset: Dataset, model: Path) -> None:
    told = exported(model, root)
    component, (data,) = told["metadata"]["component"], told["components"]
    assert component["hashes"][0]["content"] == manifest_of(model).files["weights.safetensors"]
    assert (data["type"], data["version"]) == ("data", dataset.id)
    assert told["dependencies"][0] == {"ref": component["bom-ref"], "dependsOn": [data["bom-ref"]]}
    head = read_history(model, root)[-1].sha256
    assert {"name": "scangate:history.head", "value": head} in component["properties"]
    assert exported(model, root) == told


def test_nothing_is_told_of_what_was_changed(root: DataRoot, dataset: Dataset, model: Path) -> None:
    (model / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(BrokenHistory, match=r"weights\.safetensors"):
        exported(model, root)
    forget_all(root.path)
    with pytest.raises(NoHistory, match="made before histories were kept"):
        exported(dataset.folder, root)


def test_a_gate_has_no_export(root: DataRoot) -> None:
    folder = root.gates / "a"
    folder.mkdir()
    recorded(folder, root, EventKind.RELEASE)
    with pytest.raises(UnknownArtefact, match="only data sets and classifiers are exported"):
        exported(folder, root)
