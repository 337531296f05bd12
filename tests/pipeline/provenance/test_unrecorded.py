"""A history that is deleted does not open the door that it kept shut."""

import json
from pathlib import Path

import h5py
import pytest

from datasets.store import LEVELS, MANIFEST, Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.event import EventKind, Parent
from pipeline.provenance.record import check_linked, checked, recorded, trust
from pipeline.provenance.verification import verify
from tests.fixtures.before import forget
from tests.pipeline.provenance.small import items_of, pictures, trained, written


def edit(dataset: Dataset, **changed: object) -> None:
    """Change one image in the data set's own manifest."""
    path = dataset.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["items"][2].update(changed)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("changed", [{"label": 1}, {"split": "test"}, {"name": "none/2.png"}, {"pixels_sha256": "f"}])
def test_a_change_under_a_history_that_was_removed_is_refused(
    root: DataRoot, dataset: Dataset, changed: dict[str, object]
) -> None:
    edit(dataset, **changed)
    forget(dataset.folder)
    for ask in (checked, lambda folder: trust(folder, root, by="ann", why="")):
        with pytest.raises(BrokenHistory, match=rf"datasets/{dataset.id}: no history is there, and its .*--anew --by"):
            ask(dataset.folder)
    with pytest.raises(BrokenHistory, match=r"make the id [0-9a-f]{16}: it was changed since it was made"):
        check_linked(dataset.folder)
    assert not (dataset.folder / HISTORY).exists()
    (found,) = verify(dataset.folder, root).differences
    assert "it was changed since it was made" in found


def test_an_id_that_was_written_to_fit_is_not_that_of_the_folder(root: DataRoot, dataset: Dataset) -> None:
    edit(dataset, label=1)
    forget(dataset.folder)
    with pytest.raises(BrokenHistory) as refused:
        checked(dataset.folder)
    found = str(refused.value).split("make the id ")[1][:16]
    path = dataset.folder / MANIFEST
    path.write_text(path.read_text().replace(dataset.id, found))
    with pytest.raises(BrokenHistory, match=f"make the id {found}"):
        checked(dataset.folder)


def test_levels_are_hashed_where_no_history_vouches_for_their_file(root: DataRoot, dataset: Dataset) -> None:
    with h5py.File(dataset.folder / LEVELS, "r+") as file:
        file["levels/uint8"][64 * 3 + 5] ^= 1
    forget(dataset.folder)
    check_linked(dataset.folder)  # It hashes no file.
    with pytest.raises(BrokenHistory, match="it was changed since it was made"):
        checked(dataset.folder)


def test_a_manifest_that_cannot_be_read_is_refused(dataset: Dataset) -> None:
    path = dataset.folder / MANIFEST
    path.write_text(path.read_text().replace('"kind"', '"sort"'))
    forget(dataset.folder)
    with pytest.raises(BrokenHistory, match=r"no history is there, and manifest\.json: .* lacks a part \(KeyError"):
        checked(dataset.folder)


def test_what_is_left_of_a_history_tells_that_it_was_removed(root: DataRoot, dataset: Dataset) -> None:
    (dataset.folder / HISTORY).unlink()
    for ask in (checked, check_linked, lambda folder: recorded(folder, root, EventKind.RELABEL)):
        with pytest.raises(BrokenHistory, match=r"history\.jsonl was removed, history-.* of it is left; .*backup"):
            ask(dataset.folder)
    assert "history.jsonl was removed" in verify(dataset.folder, root).differences[0]


@pytest.mark.parametrize("of", ["datasets", "models"])
def test_what_was_made_of_it_tells_that_it_was_removed(root: DataRoot, dataset: Dataset, of: str) -> None:
    folder = dataset.folder
    child = trained(root, checked(folder))
    if of == "models":
        folder = child
        gate = root.gates / "9a7e"
        gate.mkdir()
        (gate / "gate.json").write_text("{}")
        recorded(gate, root, EventKind.RELEASE, parents=[checked(folder)])
        child = gate
    forget(folder)
    with pytest.raises(
        BrokenHistory, match=f"no history is there, though {child.parent.name}/{child.name} was made of it"
    ):
        checked(folder)


def test_what_had_no_history_when_something_was_made_of_it_is_let_through(root: DataRoot) -> None:
    old = written(root, pictures(6), items_of(pictures(6)))
    trained(root, checked(old.folder))
    assert checked(old.folder) == Parent(f"datasets/{old.id}", None, None)
    (root.models / "c1a551f1e7000000" / HISTORY).write_text("no history at all, of datasets/" + old.id)
    assert checked(old.folder).head is None


def test_who_looked_at_it_starts_anew(root: DataRoot, dataset: Dataset) -> None:
    edit(dataset, label=1)
    forget(dataset.folder)
    event = trust(dataset.folder, root, by="ann", why="relabelled by hand", anew=True)
    assert "it was changed since it was made" in event.what["because"]
    assert verify(dataset.folder, root).ok
    assert checked(dataset.folder).head == event.sha256


def test_importing_again_begins_a_history_that_was_removed(root: DataRoot, dataset: Dataset) -> None:
    (dataset.folder / HISTORY).unlink()
    recorded(dataset.folder, root, EventKind.IMPORT)
    assert [event.kind for event in read_history(dataset.folder, root)] == ["import"]


def test_a_link_is_no_history(root: DataRoot, dataset: Dataset, tmp_path: Path) -> None:
    forget(dataset.folder)
    (dataset.folder / HISTORY).symlink_to(tmp_path / "nowhere")
    with pytest.raises(BrokenHistory, match=r"history\.jsonl was removed"):
        checked(dataset.folder)
