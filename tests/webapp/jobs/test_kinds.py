"""The product's own kinds on tiny scans: every step of an administrator, as jobs."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sqlalchemy import select

from datasets.atomic import read_json
from datasets.errors import BadArchive, BadDataset
from datasets.image import encode_png
from webapp.errors import BadJob, UnknownRecord
from webapp.jobs.registry import KINDS, load_kinds
from webapp.records.artefacts import Artefact
from webapp.records.jobs import JobState

CLASSES = ("left", "right")


@pytest.fixture
def upload(settings):
    """A zip of scans with a bright half, by its path in the data root."""
    folder = settings.data_root / "uploads"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    with zipfile.ZipFile(folder / "scans.zip", "w") as archive:
        for n in range(40):
            for label, name in enumerate(CLASSES):
                levels = rng.integers(0, 90, (24, 24, 1), dtype=np.uint8)
                levels[:, label * 12 : label * 12 + 12] += 120
                archive.writestr(f"{name}/{n}.png", encode_png(levels, 8))
    return "uploads/scans.zip"


def done(jobs, kind, params):
    job = jobs.run_until_ended(jobs.enqueue(kind, params).id)
    assert job.state is JobState.DONE, (kind, job.error)
    return job.artefact_id


def test_every_step_from_an_upload_to_a_gate(jobs, upload, database, settings):
    dataset = done(jobs, "import_dataset", {"upload": upload, "name": "Scans", "seed": 0})
    shape = {"architecture": "SequentialCNN", "side": 24}
    training = {"epochs": 2, "batch_size": 8, "seed": 0}
    asked = {"dataset_id": dataset, "name": "First", **shape, "settings": training}
    classifier = done(jobs, "train_classifier", asked)
    recipe = {"attacks": [{"name": "fgsm", "eps": [0.3]}], "per_cell": 8, "seed": 0}
    asked = {"dataset_id": dataset, "classifier_id": classifier, "name": "Attacked", "recipe": recipe}
    adversarial = done(jobs, "build_adversarial", asked)
    asked = {"adversarial_id": adversarial, "name": "Found", "settings": {"epochs": 1, "draws": 16, "crop": None}}
    detector = done(jobs, "train_detector", asked)
    gate = done(jobs, "release_gate", {"detector_id": detector, "name": "Gate", "alpha": 0.3})
    with database.reading() as session:
        rows = {row.id: row for row in session.scalars(select(Artefact))}
    assert rows[dataset].facts["classes"] == list(CLASSES)
    assert rows[dataset].facts["n"] == sum(rows[dataset].facts["splits"].values()) == 80
    assert rows[classifier].facts["report"]["n"] == rows[dataset].facts["splits"]["test"]
    assert rows[classifier].parents == [dataset]
    assert rows[adversarial].parents == [dataset, classifier]
    assert rows[adversarial].facts["n"] == sum(count["n"] for count in rows[adversarial].facts["counts"])
    assert rows[detector].parents == [adversarial, classifier]
    assert [cell["attack"] for cell in rows[detector].facts["cells"]] == ["fgsm"]
    assert rows[gate].parents == [classifier, detector]
    assert rows[gate].facts["alpha"] == 0.3
    assert all((settings.data_root / row.folder).is_dir() for row in rows.values())

    weights = f"models/{classifier}/weights.safetensors"
    asked = {
        "upload": weights,
        "dataset_id": dataset,
        "name": "Again",
        **shape,
        "channels": 1,
        "mean": 0.5,
        "std": 0.25,
    }
    imported = done(jobs, "import_classifier", asked)
    assert done(jobs, "evaluate", {"classifier_id": imported, "dataset_id": dataset}) == imported


@pytest.mark.parametrize("kind", ["import_dataset", "import_classifier"])
@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        (None, BadJob, "No upload is named"),
        ("../../etc/passwd", BadJob, "lies outside the data root"),
        ("uploads/gone.zip", UnknownRecord, r"The upload 'uploads/gone\.zip' is gone"),
    ],
)
def test_an_upload_must_be_in_the_data_root(jobs, kind, path, error, says):
    with pytest.raises(error, match=says):
        jobs.enqueue(kind, {"upload": path, "name": "n"})


def test_what_is_no_data_set_is_refused_before_a_job_is_made(jobs, settings):
    (settings.data_root / "uploads").mkdir(parents=True)
    (settings.data_root / "uploads" / "0a1b.zip").write_bytes(b"no zip")
    with pytest.raises(BadArchive, match=r"Scans of May\.zip: not a zip"):
        jobs.enqueue("import_dataset", {"upload": "uploads/0a1b.zip", "file": "Scans of May.zip", "name": "n"})


def test_images_that_cannot_be_read_are_refused_before_there_is_a_job(jobs, settings):
    (settings.data_root / "uploads").mkdir(parents=True)
    with zipfile.ZipFile(settings.data_root / "uploads" / "0a1b.zip", "w") as archive:
        archive.writestr("left/1.png", b"no picture")
        archive.writestr("right/1.png", b"no picture")
    with pytest.raises(BadDataset, match=r"mine\.zip: 0 usable images"):
        jobs.enqueue("import_dataset", {"upload": "uploads/0a1b.zip", "file": "mine.zip", "name": "n"})
    assert (settings.data_root / "uploads" / "0a1b.zip").exists()


def test_what_only_the_whole_import_shows_fails_the_job_with_the_reason(jobs, settings):
    (settings.data_root / "uploads").mkdir(parents=True)
    with zipfile.ZipFile(settings.data_root / "uploads" / "0a1b.zip", "w") as archive:
        for label, grey in (("left", 10), ("right", 200)):
            for i in range(40):
                archive.writestr(f"{label}/{i}.png", encode_png(np.full((8, 8, 1), grey, np.uint8), 8))
    asked = {"upload": "uploads/0a1b.zip", "file": "mine.zip", "name": "n"}
    job = jobs.run_until_ended(jobs.enqueue("import_dataset", asked).id)
    assert job.state is JobState.FAILED
    assert "mine.zip: 2 different pictures for 5 splits" in job.error
    assert jobs.progress(job.id).shards == {"failed": 1}
    assert (settings.data_root / "uploads" / "0a1b.zip").exists()


def test_a_web_process_that_knows_every_kind_has_no_torch():
    code = "import sys, webapp.jobs.service, webapp.jobs.kinds; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_kind_has_a_title_of_its_own_and_names_its_parameters(settings):
    load_kinds(settings)
    ours = [kind for kind in KINDS.values() if kind.run.__module__.startswith("webapp.jobs.")]
    assert {kind.name for kind in ours} >= {"import_dataset", "import_classifier", "train_detector", "release_gate"}
    assert len({kind.title for kind in ours}) == len(ours)
    for kind in ours:
        assert (kind.run.__doc__ or "").startswith("Parameters: "), kind.name


def test_a_data_set_remembers_what_its_file_was_called(jobs, upload, database, settings):
    asked = {"upload": upload, "file": "Scans of May.zip", "name": "Scans", "seed": 0}
    made = done(jobs, "import_dataset", asked)
    manifest = read_json(settings.data_root / "datasets" / made / "manifest.json")
    assert "Scans of May.zip" in str(manifest)
    assert "scans.zip" not in str(manifest)
