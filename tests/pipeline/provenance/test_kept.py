import json
from pathlib import Path

import pytest

from datasets.store import MANIFEST, Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.descent import standing
from pipeline.provenance.kept import Examination, examine, last_examination
from pipeline.provenance.record import trust


def relabel(dataset: Dataset) -> None:
    path = dataset.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["items"][2]["label"] = 1
    path.write_text(json.dumps(manifest))


def test_what_was_found_is_what_is_read_again(root: DataRoot, dataset: Dataset) -> None:
    trust(dataset.folder, root, by="ann", why="read by two")
    relabel(dataset)
    found = examine(dataset.folder, root, by="bob")
    assert last_examination(dataset.folder, root) == found
    assert Examination.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert (found.by, found.head) == ("bob", read_history(dataset.folder, root)[-1].sha256)
    assert found.verification.differences[1:] == ("item 2 glioma/2.png: label 1, was 0",)
    assert [(one.what, one.index) for one in found.changes[0].differences] == [("label", 2)]


def test_it_changes_nothing_of_the_artefact(root: DataRoot, dataset: Dataset) -> None:
    relabel(dataset)
    before = {path: path.read_bytes() for path in dataset.folder.iterdir()}
    examine(dataset.folder, root)
    assert {path: path.read_bytes() for path in dataset.folder.iterdir()} == before


def test_what_cannot_be_compared_says_why(root: DataRoot, dataset: Dataset) -> None:
    found = examine(dataset.folder, root)
    assert found.verification.ok
    assert (found.changes, "nobody vouched for it" in found.not_compared) == ((), True)
    (dataset.folder / HISTORY).write_text("")
    found = examine(dataset.folder, root)
    assert (found.head, found.verification.ok, found.changes) == ("", False, ())
    assert "its last line is not whole" in found.not_compared


@pytest.mark.parametrize("content", ["", "{}", '{"at": 1}', "[]"])
def test_a_note_that_cannot_be_read_counts_as_none(root: DataRoot, dataset: Dataset, content: str) -> None:
    assert last_examination(dataset.folder, root) is None
    examine(dataset.folder, root)
    (note,) = Path(root.path / "reports").rglob("verified.json")
    note.write_text(content)
    assert last_examination(dataset.folder, root) is None


def test_who_cancels_leaves_no_note(root: DataRoot, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.provenance.manifest._TOLD_EVERY", 2)

    def stop(done: int, total: int, what: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        examine(dataset.folder, root, progress=stop)
    assert last_examination(dataset.folder, root) is None


def test_a_note_of_before_descents_were_followed_is_read(root: DataRoot, dataset: Dataset) -> None:
    trust(dataset.folder, root, by="ann", why="read by two")
    relabel(dataset)
    found = examine(dataset.folder, root)
    told = json.loads(json.dumps(found.to_json()))
    assert Examination.from_json({**told, "changes": told["changes"][0]}) == found
    assert Examination.from_json({**told, "changes": None}).changes == ()


def test_the_newest_word_counts(root: DataRoot, dataset: Dataset) -> None:
    with pytest.raises(NoHistory, match="nobody vouched for it"):
        standing(dataset.folder, root)
    trust(dataset.folder, root, by="ann", why="once")
    newest = trust(dataset.folder, root, by="bob", why="twice")
    assert [one.since for one in standing(dataset.folder, root).roots] == [newest]
    (dataset.folder / HISTORY).write_text("")
    with pytest.raises(BrokenHistory, match="its last line is not whole"):
        standing(dataset.folder, root)
