"""History, verify, trust, changes and export-provenance, as a program uses them."""

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from datasets.store import MANIFEST, Dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.main import main
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.record import checked
from pipeline.provenance.signing import PUBLIC
from tests.fixtures.before import forget_all
from tests.fixtures.gate import TinyChain
from tests.pipeline.provenance.small import imported, items_of, pictures, trained, written


@pytest.fixture
def own(tmp_path: Path) -> DataRoot:
    """A data root of a small data set and what a training on it would leave."""
    return DataRoot(tmp_path / "own")


@pytest.fixture
def dataset(own: DataRoot) -> Dataset:
    return imported(own)


def relabel(dataset: Dataset) -> None:
    path = dataset.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["items"][2]["label"] = 1
    path.write_text(json.dumps(manifest))


def test_everything_that_was_made_here_is_whole(tiny_chain: TinyChain, answer) -> None:
    status, told = answer("verify", "--all", "--root", tiny_chain.root.path)
    assert status == 0, told
    subjects = {one["subject"].split("/")[0]: one for one in told["artefacts"]}
    assert set(subjects) == {"datasets", "models", "adversarial", "detectors", "gates"}
    assert subjects["datasets"]["n_files"] == len(tiny_chain.dataset) + 3


def test_a_gate_descends_from_its_data_set(tiny_chain: TinyChain, answer) -> None:
    status, told = answer("history", tiny_chain.gate.id, "--root", tiny_chain.root.path)
    assert status == 0
    # Sets: other tests may have made the same again, which is written on.
    found = {one["subject"]: {event["kind"] for event in one["events"]} for one in told["lineage"]}
    assert found[f"gates/{tiny_chain.gate.id}"] == {"release"}
    assert found[f"detectors/{tiny_chain.detector.id}"] == {"training"}
    assert found[f"adversarial/{tiny_chain.adversarial_set.id}"] == {"attack"}
    assert found[f"models/{tiny_chain.classifier.id}"] == {"training"}
    assert found[f"datasets/{tiny_chain.dataset.id}"] == {"import", "split"}


def test_training_is_refused_on_what_was_changed(tiny_chain: TinyChain, root: Path, answer) -> None:
    folder = root / "datasets" / tiny_chain.dataset.id
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["items"][0]["label"] ^= 1
    (folder / MANIFEST).write_text(json.dumps(manifest))
    status, told = answer("train-classifier", tiny_chain.dataset.id, "--size", 32, "--epochs", 1, "--root", root)
    assert (status, told["error"]) == (1, "BrokenHistory")
    assert "item 0 " in told["detail"]
    assert "label 1, was 0" in told["detail"]
    assert len(list((root / "models").iterdir())) == 1


@pytest.mark.parametrize("left", [True, False])
def test_training_is_refused_on_what_was_changed_under_a_history_that_was_removed(
    tiny_chain: TinyChain, root: Path, answer, left: bool
) -> None:
    folder = root / "datasets" / tiny_chain.dataset.id
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["items"][0]["label"] ^= 1
    (folder / MANIFEST).write_text(json.dumps(manifest))
    if left:
        (folder / HISTORY).unlink()
    else:
        forget_all(root)  # Nothing that was made of it tells of it either.
    status, told = answer("train-classifier", tiny_chain.dataset.id, "--size", 32, "--epochs", 1, "--root", root)
    assert (status, told["error"]) == (1, "BrokenHistory")
    assert ("history.jsonl was removed" if left else "it was changed since it was made") in told["detail"]
    assert len(list((root / "models").iterdir())) == 1


def test_training_goes_on_without_a_history_and_notes_it(tiny_chain: TinyChain, root: Path, answer) -> None:
    forget_all(root)
    status, told = answer("train-classifier", tiny_chain.dataset.id, "--size", 32, "--epochs", 1, "--root", root)
    assert status == 0
    notes = json.loads((Path(told["folder"]) / "classifier.json").read_text())["notes"]
    assert notes["made_of"]["note"] == "no history was kept of it"
    status, told = answer("history", told["id"], "--root", root)
    assert "made before histories were kept" in told["lineage"][1]["missing"]


def test_the_history_is_told_to_people(own: DataRoot, dataset: Dataset, capsys) -> None:
    model = trained(own, checked(dataset.folder))
    assert main(["history", model.name, "--root", str(own.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"models/{model.name}"
    assert lines[1].split()[:1] == ["1"]
    assert "training" in lines[1]
    assert f"made of datasets/{dataset.id}" in lines


def test_verify_names_what_differs(own: DataRoot, dataset: Dataset, answer, capsys) -> None:
    relabel(dataset)
    status, told = answer("verify", dataset.id, "--root", own.path)
    assert (status, told["ok"]) == (1, False)
    assert "item 2 glioma/2.png: label 1, was 0" in told["artefacts"][0]["differences"]
    assert main(["verify", dataset.id, "--root", str(own.path)]) == 1
    assert f"datasets/{dataset.id}: NOT WHOLE" in capsys.readouterr().out


def test_verify_tells_its_pace(own: DataRoot, dataset: Dataset, capsys) -> None:
    assert main(["verify", dataset.id, "--root", str(own.path), "--quiet"]) == 0
    assert "whole, 1 event, 9 images and files, " in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["abc", "--all"]])
def test_verify_wants_ids_or_all(own: DataRoot, answer, words: list[str]) -> None:
    status, told = answer("verify", *words, "--root", own.path)
    assert (status, told["detail"]) == (1, "give the ids of what is to be verified, or --all")


def test_nothing_at_all_is_not_whole(tmp_path: Path, answer) -> None:
    status, told = answer("verify", "--all", "--root", tmp_path / "typo")
    assert (status, told["error"]) == (1, "UnknownArtefact")
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    "words", [("verify", "--all"), ("history", "abc"), ("find-poison", "abc", "def"), ("evaluate", "abc")]
)
def test_a_data_root_that_is_not_there_is_told_with_what_names_it(tmp_path: Path, answer, words) -> None:
    status, told = answer(*words, "--root", tmp_path / "typo")
    assert (status, told["error"]) == (1, "UnknownArtefact")
    assert told["detail"].startswith(f"there is no data root {tmp_path / 'typo'}; on the command line --root names")
    assert "SCANGATE_DATA_ROOT" in told["detail"]
    assert not (tmp_path / "typo").exists()


def test_verify_with_a_key_that_was_kept_elsewhere(own: DataRoot, dataset: Dataset, tmp_path: Path, answer) -> None:
    kept = shutil.copy(own.keys / PUBLIC, tmp_path / "kept.pem")
    assert answer("verify", dataset.id, "--key", kept, "--root", own.path)[0] == 0
    status, told = answer("verify", dataset.id, "--key", tmp_path / "none.pem", "--root", own.path)
    assert (status, told["error"]) == (1, "BrokenHistory")
    assert "none.pem: no public key to check signatures with, No such file or directory; name another" in told["detail"]


OTHER = X25519PrivateKey.generate().public_key()


@pytest.mark.parametrize(
    "content",
    [b"a note", b"", OTHER.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)],
    ids=["text", "empty", "another kind"],
)
def test_a_file_that_is_no_key_is_told_as_that(
    own: DataRoot, dataset: Dataset, tmp_path: Path, answer, content
) -> None:
    file = tmp_path / "kept.pem"
    file.write_bytes(content)
    status, told = answer("verify", dataset.id, "--key", file, "--root", own.path)
    assert (status, told["error"]) == (1, "BrokenHistory")
    assert told["detail"].startswith(f"{file}: not an Ed25519 public key in PEM")
    assert told["detail"].endswith(f"the data root's own key lies in {own.keys / PUBLIC}")


def test_trust_begins_a_history_and_changes_are_told_against_it(own: DataRoot, answer, capsys) -> None:
    old = written(own, pictures(6), items_of(pictures(6)))
    status, told = answer("changes", old.id, "--root", own.path)
    assert (status, told["error"]) == (1, "NoHistory")
    status, told = answer("trust", old.id, "--by", "Dr A", "--why", "read by two", "--root", own.path)
    assert (status, told["by"], told["what"]["why"]) == (0, "Dr A", "read by two")
    status, told = answer("changes", old.id, "--root", own.path)
    assert (status, told["differences"]) == (0, [])
    relabel(old)
    status, told = answer("changes", old.id, "--root", own.path)
    assert (status, told["counts"]) == (0, {"label": 1})
    assert main(["changes", old.id, "--root", str(own.path), "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "  item 2 glioma/2.png: label 1, was 0"


def test_changes_of_a_model_are_told_by_what_it_learned_from(own: DataRoot, dataset: Dataset, answer, capsys) -> None:
    model = trained(own, checked(dataset.folder))
    status, told = answer("changes", model.name, "--root", own.path)
    assert (status, told["error"]) == (1, "NoHistory")
    answer("trust", dataset.id, "--by", "Dr A", "--why", "read by two", "--root", own.path)
    status, told = answer("changes", model.name, "--root", own.path)
    assert (status, told["id"], told["differences"]) == (0, f"models/{model.name}", [])
    assert (told["since"]["by"], told["since"]["subject"]) == ("Dr A", f"datasets/{dataset.id}")
    assert [one["subject"] for one in told["compared"]] == [f"datasets/{dataset.id}"]
    assert told["unvouched"] == [{"subject": f"models/{model.name}", "missing": ""}]
    assert main(["changes", model.name, "--root", str(own.path), "--quiet"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"datasets/{dataset.id} since event 2 of datasets/{dataset.id} (trust, ")
    assert first.endswith(", Dr A): nothing changed")
    assert last == f"models/{model.name}: nobody vouched for it"


def test_what_was_changed_is_trusted_only_anew(own: DataRoot, dataset: Dataset, answer) -> None:
    relabel(dataset)
    words = ("--by", "a reader", "--why", "the second reading", "--root", own.path)
    assert answer("trust", dataset.id, *words)[1]["error"] == "BrokenHistory"
    status, told = answer("trust", dataset.id, "--anew", *words)
    assert (status, told["seq"], told["by"]) == (0, 1, "a reader")
    assert "label 1, was 0" in told["what"]["because"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--by", "a reader"),
        ("--why", "read by two"),
        ("--by", " ", "--why", "read by two"),
        ("--by", "a reader", "--why", "read"),
        ("--by", "a reader", "--why", "read " * 201),
    ],
)
def test_nobody_vouches_without_a_name_and_a_reason(own: DataRoot, dataset: Dataset, capsys, words) -> None:
    before = read_history(dataset.folder, own)
    with pytest.raises(SystemExit):
        main(["trust", dataset.id, *words, "--root", str(own.path)])
    assert "--" in capsys.readouterr().err
    assert read_history(dataset.folder, own) == before


def test_the_help_says_how_long_a_reason_must_be(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["trust", "--help"])
    assert "in 10 to 1,000 signs" in " ".join(capsys.readouterr().out.split())


def test_provenance_is_exported_by_kind(own: DataRoot, dataset: Dataset, tmp_path: Path, answer) -> None:
    out = tmp_path / "told.json"
    words = ("--license", "https://spdx.org/licenses/CC0-1.0.html", "--cite", "A", "--root", own.path)
    assert answer("export-provenance", dataset.id, "--out", out, *words) == (
        0,
        {"out": str(out), "standard": "Croissant 1.1"},
    )
    told = json.loads(out.read_text())
    assert (told["identifier"], told["citeAs"]) == (dataset.id, "A")
    relabel(dataset)
    status, refused = answer("export-provenance", dataset.id, "--out", tmp_path / "no.json", "--root", own.path)
    assert (status, refused["error"]) == (1, "BrokenHistory")
    assert not (tmp_path / "no.json").exists()


def test_an_unknown_id_is_a_sentence(own: DataRoot, dataset: Dataset, answer) -> None:
    for command, *words in (("history",), ("changes",), ("trust", "--by", "a", "--why", "read by two")):
        status, told = answer(command, "feed", *words, "--root", own.path)
        assert (status, told["error"]) == (1, "UnknownArtefact")
        assert "'feed' begins no single id in datasets, models" in told["detail"]
