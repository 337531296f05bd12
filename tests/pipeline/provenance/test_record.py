import json
import shutil
from pathlib import Path

import h5py
import pytest

from datasets.store import LEVELS, MANIFEST, Dataset
from pipeline.artefacts import DataRoot
from pipeline.detection import files as detectors
from pipeline.errors import BrokenHistory, UnknownArtefact
from pipeline.gate import files as gates
from pipeline.models import files as models
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.event import EventKind
from pipeline.provenance.manifest import FILES, Manifest, kept_as, manifest_of
from pipeline.provenance.record import artefact, checked, recorded, trust
from pipeline.provenance.signing import PUBLIC, signing_key, verifying_key
from pipeline.provenance.verification import verify
from tests.fixtures.before import forget
from tests.pipeline.provenance.small import imported, items_of, pictures, trained, written


def rewrite(dataset: Dataset, change) -> None:
    """Change the data set's own manifest behind everybody's back."""
    path = dataset.folder / MANIFEST
    manifest = json.loads(path.read_text())
    change(manifest["items"])
    path.write_text(json.dumps(manifest))


def swap(items: list[dict]) -> None:
    items[1], items[4] = items[4], items[1]


def kept(dataset: Dataset) -> Path:
    """The file that keeps the data set's manifest."""
    return dataset.folder / kept_as(manifest_of(dataset.folder).root)


def told(dataset: Dataset, root: DataRoot) -> list[str]:
    found = verify(dataset.folder, root)
    assert found.ok == (not found.differences)
    return list(found.differences)


def test_the_files_of_each_kind_are_those_that_it_is_written_to() -> None:
    assert FILES["models"] == (models.JSON_FILE, models.WEIGHTS_FILE)
    assert FILES["detectors"] == (detectors.JSON_FILE, detectors.WEIGHTS_FILE)
    assert FILES["gates"] == (gates.JSON_FILE, gates.GRAPH_FILE, gates.OVERLAYS_FILE)


def test_what_nobody_touched_is_whole(root: DataRoot, dataset: Dataset) -> None:
    found = verify(dataset.folder, root)
    assert (found.ok, found.n_events, found.n_files) == (True, 1, len(dataset) + 3)
    assert verify(trained(root), root).ok


def test_a_manifest_comes_back_from_its_shelf(root: DataRoot, dataset: Dataset) -> None:
    now = manifest_of(dataset.folder)
    assert now.items == dataset.items
    assert Manifest.read(dataset.folder, now.root) == now
    assert Manifest.read(dataset.folder, "0" * 64) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda items: items[2].update(label=1), ["item 2 glioma/2.png: label 1, was 0"]),
        (lambda items: items[3].update(split="test"), ["item 3 none/3.png: split test, was train"]),
        (lambda items: items[3].update(group=9), ["item 3 none/3.png: group 9, was 3"]),
        (lambda items: items[0].update(sha256="f"), ["item 0 glioma/0.png: file f, was 0000000000000000…"]),
        (lambda items: items.pop(), ["item 5 none/5.png: removed"]),
        (lambda items: items[0].update(name="other"), ["item 0 other: added", "item 0 glioma/0.png: removed"]),
    ],
)
def test_a_change_of_the_manifest_is_named(root: DataRoot, dataset: Dataset, change, expected: list[str]) -> None:
    rewrite(dataset, change)
    file, *items = told(dataset, root)
    assert file.startswith("manifest.json: sha256 ")
    assert items == expected


def test_items_that_changed_places_are_named(root: DataRoot, dataset: Dataset) -> None:
    rewrite(dataset, swap)
    found = told(dataset, root)
    assert "item 1 glioma/4.png: order 1, was 4" in found
    assert "item 4 none/1.png: order 4, was 1" in found
    assert any(line.startswith("item 1 glioma/4.png: pixels ") for line in found)  # The levels stayed where they were.


def test_a_changed_level_is_named_though_the_manifest_was_made_to_fit(root: DataRoot, dataset: Dataset) -> None:
    path = dataset.folder / LEVELS
    with h5py.File(path, "r+") as file:
        file["levels/uint8"][64 * 3 + 5] ^= 1
    found = told(dataset, root)
    assert [line.split(":")[0] for line in found] == ["dataset.h5", "item 3 none/3.png"]
    assert " pixels " in found[1]


def test_levels_that_were_never_those_of_the_manifest_are_named(root: DataRoot) -> None:
    dataset = written(root, pictures(6, seed=1), items_of(pictures(6)))
    recorded(dataset.folder, root, EventKind.IMPORT)
    assert len([line for line in told(dataset, root) if " pixels " in line]) == 6
    with pytest.raises(BrokenHistory, match=r"cannot be trusted: item 0 .*pixels .*bring it back or import it again"):
        trust(dataset.folder, root, by="ann", why="")
    forget(dataset.folder)
    with pytest.raises(BrokenHistory, match=r"its levels are not those that its manifest names.*import the source"):
        trust(dataset.folder, root, by="ann", why="")


@pytest.mark.parametrize("has_history", [True, False])
def test_levels_that_cannot_be_read_are_not_trusted(root: DataRoot, dataset: Dataset, has_history: bool) -> None:
    with h5py.File(dataset.folder / LEVELS, "r+") as file:
        file["offset"][2] = 10_000
    if not has_history:
        forget(dataset.folder)
    with pytest.raises(BrokenHistory, match=r"dataset\.h5"):
        trust(dataset.folder, root, by="ann", why="")
    assert (dataset.folder / HISTORY).exists() == has_history


def test_a_manifest_that_is_none_any_more_is_told_as_a_change(root: DataRoot, dataset: Dataset) -> None:
    path = dataset.folder / MANIFEST
    path.write_text(path.read_text()[:-2])
    for ask in (checked, lambda folder: trust(folder, root, by="ann", why="")):
        with pytest.raises(BrokenHistory, match=r"manifest.json: (cannot be read any more|sha256)"):
            ask(dataset.folder)


def test_a_changed_weight_is_named(root: DataRoot) -> None:
    folder = trained(root)
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[100] ^= 1
    (folder / "weights.safetensors").write_bytes(content)
    (told,) = verify(folder, root).differences
    assert told.startswith("weights.safetensors: sha256 ")


@pytest.mark.parametrize("name", [LEVELS, MANIFEST])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_file_that_cannot_be_read_is_named(root: DataRoot, dataset: Dataset, name: str, content) -> None:
    (dataset.folder / name).unlink()
    if content is not None:
        (dataset.folder / name).write_bytes(content)
    (found,) = told(dataset, root)
    assert found.startswith(f"{name}: " + ("removed" if content is None else "sha256 "))


def test_without_the_kept_manifest_a_change_is_found_and_not_named(root: DataRoot, dataset: Dataset) -> None:
    kept(dataset).unlink()
    assert told(dataset, root) == [f"{kept(dataset).name}: missing or changed; bring it back"]
    rewrite(dataset, swap)
    assert "cannot be named" in told(dataset, root)[1]


def test_a_child_holds_its_parent_to_its_word(root: DataRoot, dataset: Dataset) -> None:
    child = trained(root, checked(dataset.folder))
    assert verify(child, root).ok
    trust(dataset.folder, root, by="ann", why="looked")  # The parent's history may go on.
    assert verify(child, root).ok
    shutil.rmtree(dataset.folder)
    assert verify(child, root).ok  # What is gone cannot be asked.
    again = written(root, pictures(6), items_of(pictures(6)))
    recorded(again.folder, root, EventKind.IMPORT, by="bob")
    (found,) = verify(child, root).differences
    assert found.startswith(f"what it was made of: datasets/{dataset.id} no longer has the event ")


def test_a_child_of_a_broken_history_is_told(root: DataRoot, dataset: Dataset) -> None:
    child = trained(root, checked(dataset.folder))
    (dataset.folder / HISTORY).write_text("")
    (found,) = verify(child, root).differences
    assert found.startswith("what it was made of: ")
    assert "its last line is not whole" in found


def test_a_parent_is_named_with_its_head(root: DataRoot, dataset: Dataset) -> None:
    parent = checked(dataset.folder)
    event = read_history(trained(root, parent), root)[0]
    head = read_history(dataset.folder, root)[-1]
    assert event.what["parents"] == [
        {"subject": f"datasets/{dataset.id}", "head": head.sha256, "manifest": head.manifest}
    ]


def test_nothing_is_made_of_what_was_changed(root: DataRoot, dataset: Dataset) -> None:
    rewrite(dataset, lambda items: [item.update(label=0) for item in items])
    with pytest.raises(
        BrokenHistory, match=r"is not what its history says: manifest.json.*item 3.*label 0, was 1 and 1 more; .*backup"
    ):
        checked(dataset.folder)


def test_no_event_is_written_over_a_change(root: DataRoot) -> None:
    folder = trained(root)
    before = (folder / HISTORY).read_bytes()
    (folder / "classifier.json").write_text("{}")
    with pytest.raises(BrokenHistory, match=r"classifier\.json: sha256"):
        recorded(folder, root, EventKind.TRAINING)
    assert (folder / HISTORY).read_bytes() == before


def test_what_has_no_history_is_let_through_and_says_so(root: DataRoot) -> None:
    old = written(root, pictures(6), items_of(pictures(6)))
    parent = checked(old.folder)
    assert parent.head is None
    assert parent.to_json()["note"] == "no history was kept of it"
    (found,) = told(old, root)
    assert found.endswith(
        "it was removed, or this was made before histories were kept; look at it, then "
        f"`python -m pipeline trust {old.id} --by NAME --why REASON` starts one"
    )


def test_trust_begins_a_history(root: DataRoot) -> None:
    old = written(root, pictures(6), items_of(pictures(6)))
    event = trust(old.folder, root, by="ann", why="looked at all of them")
    assert (event.seq, event.kind, event.by, event.what["why"]) == (1, "trust", "ann", "looked at all of them")
    assert verify(old.folder, root).ok


def test_what_was_changed_is_not_trusted_unless_anew(root: DataRoot, dataset: Dataset) -> None:
    rewrite(dataset, lambda items: items[2].update(label=1))
    with pytest.raises(BrokenHistory, match=r"cannot be trusted: .*item 2 glioma/2.png: label 1, was 0"):
        trust(dataset.folder, root, by="ann", why="")
    event = trust(dataset.folder, root, by="ann", why="relabelled by hand", anew=True)
    assert event.seq == 1
    assert "label 1, was 0" in event.what["because"]
    assert (dataset.folder / f"{HISTORY}.{event.what['instead_of'][:16]}").exists()
    assert verify(dataset.folder, root).ok


def test_a_key_that_was_kept_elsewhere_finds_a_history_signed_anew(root: DataRoot, dataset: Dataset, tmp_path) -> None:
    kept = tmp_path / "kept.pem"
    shutil.copy(root.keys / PUBLIC, kept)
    shutil.rmtree(root.keys)
    signing_key(root)
    trust(dataset.folder, root, by="mallory", why="", anew=True)
    assert verify(dataset.folder, root).ok
    (found,) = verify(dataset.folder, root, key=verifying_key(root, kept)).differences
    assert "signed with key" in found


def test_an_artefact_is_found_by_the_beginning_of_its_id(root: DataRoot, dataset: Dataset) -> None:
    model = trained(root)
    assert artefact(root, dataset.id[:6]) == dataset.folder
    assert artefact(root, f"models/{model.name}") == model
    shutil.copytree(model, root.gates / model.name)
    for unclear in (model.name, "zz", "../keys"):
        with pytest.raises(UnknownArtefact):
            artefact(root, unclear)


def test_a_new_import_mends_what_was_changed(root: DataRoot, dataset: Dataset) -> None:
    rewrite(dataset, swap)
    assert not verify(dataset.folder, root).ok
    imported(root)
    assert verify(dataset.folder, root).ok
    assert [event.kind for event in read_history(dataset.folder, root)] == ["import", "import"]


def test_a_kept_manifest_that_somebody_changed_is_found(root: DataRoot, dataset: Dataset) -> None:
    path = kept(dataset)
    path.write_text(path.read_text().replace('"train"', '"test"', 1))
    assert told(dataset, root) == [f"{path.name}: missing or changed; bring it back"]
    trust(dataset.folder, root, by="ann", why="", anew=True)
    assert verify(dataset.folder, root).ok
