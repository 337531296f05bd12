import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.store import MANIFEST, Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.chain import HISTORY
from pipeline.provenance.descent import changes, lineage, standing
from pipeline.provenance.event import EventKind
from pipeline.provenance.manifest import kept_as, manifest_of
from pipeline.provenance.record import checked, recorded, trust
from tests.fixtures.before import forget
from tests.pipeline.provenance.small import items_of, pictures, trained, written


def kept(dataset: Dataset) -> Path:
    """The file that keeps the data set's manifest."""
    return dataset.folder / kept_as(manifest_of(dataset.folder).root)


@pytest.fixture
def flipped(root: DataRoot, dataset: Dataset) -> Dataset:
    """Made of the data set: item 0 relabelled, 1 dropped, 2 in another split, one injected, two in another order."""
    images = pictures(7, seed=0)
    items = items_of(images)
    items[0] = replace(items[0], label=1)
    items[2] = replace(items[2], split="test")
    items[6] = replace(items[6], name="injected")
    order = [0, 2, 4, 3, 5, 6]
    made = written(root, images[order], [items[i] for i in order], name="flipped")
    facts = {"recipe": {"from": 0, "to": 1}, "seed": 7}
    recorded(made.folder, root, EventKind.FLIP, by="ann", facts=facts, parents=[checked(dataset.folder)])
    return made


def test_lineage_runs_through_artefacts(root: DataRoot, dataset: Dataset, flipped: Dataset) -> None:
    model = trained(root, checked(flipped.folder))
    found = lineage(model, root)
    assert [(one.subject, one.depth) for one in found] == [
        (f"models/{model.name}", 0),
        (f"datasets/{flipped.id}", 1),
        (f"datasets/{dataset.id}", 2),
    ]
    assert [[event.kind for event in one.events] for one in found] == [["training"], ["flip"], ["import"]]


def test_lineage_says_where_it_ends(root: DataRoot, dataset: Dataset, flipped: Dataset) -> None:
    (dataset.folder / HISTORY).write_text("")
    assert "its last line is not whole" in lineage(flipped.folder, root)[1].missing
    (dataset.folder / HISTORY).unlink()
    assert "history.jsonl was removed" in lineage(flipped.folder, root)[1].missing
    forget(dataset.folder)
    assert "made before histories were kept" in lineage(flipped.folder, root)[1].missing
    shutil.rmtree(dataset.folder)
    assert lineage(flipped.folder, root)[1].missing == "no longer in this data root"


def test_what_changed_is_told_against_the_trusted_ancestor(root: DataRoot, dataset: Dataset, flipped: Dataset) -> None:
    trusted = trust(dataset.folder, root, by="ann", why="read by two")
    (found,) = changes(flipped.folder, root)
    assert (found.subject, found.since) == (f"datasets/{flipped.id}", trusted)
    assert sorted((one.what, one.name) for one in found.differences) == [
        ("added", "injected"),
        ("label", "glioma/0.png"),
        ("order", "glioma/4.png"),
        ("order", "none/3.png"),
        ("removed", "none/1.png"),
        ("split", "glioma/2.png"),
    ]


def test_its_own_trusted_root_comes_first(root: DataRoot, dataset: Dataset, flipped: Dataset) -> None:
    trust(dataset.folder, root, by="ann", why="")
    own = trust(flipped.folder, root, by="bob", why="")
    (found,) = changes(flipped.folder, root)
    assert (found.since, found.differences) == (own, ())


def test_a_model_stands_on_the_word_for_its_data(root: DataRoot, dataset: Dataset, flipped: Dataset) -> None:
    model = trained(root, checked(flipped.folder))
    with pytest.raises(NoHistory, match=f"nobody vouched for it, nor for .*pipeline trust {model.name}"):
        changes(model, root)
    word = trust(dataset.folder, root, by="ann", why="read by two")
    (found,) = changes(model, root)
    (of_data,) = changes(flipped.folder, root)
    assert found == of_data
    assert (found.subject, found.since, len(found.differences)) == (f"datasets/{flipped.id}", word, 6)
    stands = standing(model, root)
    assert [one.subject for one in stands.unvouched] == [f"models/{model.name}", f"datasets/{flipped.id}"]
    assert [event.kind for event in stands.events] == ["flip", "training"]


def test_behind_a_word_nothing_is_looked_for(root: DataRoot, dataset: Dataset, flipped: Dataset) -> None:
    model = trained(root, checked(flipped.folder))
    trust(dataset.folder, root, by="ann", why="")
    own = trust(flipped.folder, root, by="bob", why="")
    (found,) = changes(model, root)
    assert (found.since, found.differences) == (own, ())
    assert [one.subject for one in standing(model, root).unvouched] == [f"models/{model.name}"]
    own = trust(model, root, by="cid", why="")
    assert [one.since for one in changes(model, root)] == [own]
    assert standing(model, root).unvouched == standing(model, root).events == ()


def test_every_line_of_descent_is_followed(root: DataRoot, dataset: Dataset, flipped: Dataset) -> None:
    words = [trust(one.folder, root, by="ann", why="") for one in (dataset, flipped)]
    model = trained(root, checked(flipped.folder), checked(dataset.folder))
    assert [one.since for one in changes(model, root)] == words[::-1]


def test_a_line_that_cannot_be_followed_is_told(root: DataRoot, dataset: Dataset, flipped: Dataset) -> None:
    trust(dataset.folder, root, by="ann", why="")
    model = trained(root, checked(flipped.folder), checked(dataset.folder))
    shutil.rmtree(flipped.folder)
    assert [one.since.subject for one in changes(model, root)] == [f"datasets/{dataset.id}"]
    assert [one.missing for one in standing(model, root).unvouched] == ["", "no longer in this data root"]


def test_a_model_whose_data_have_a_broken_history_stands_on_nothing(root: DataRoot, dataset: Dataset) -> None:
    model = trained(root, checked(dataset.folder))
    trust(dataset.folder, root, by="ann", why="")
    (dataset.folder / HISTORY).write_text("")
    with pytest.raises(BrokenHistory, match=f"datasets/{dataset.id}: .*its last line is not whole"):
        changes(model, root)


def test_a_trusted_subset_is_no_trusted_root(root: DataRoot, dataset: Dataset) -> None:
    trust(dataset.folder, root, by="ann", why="", facts={"subset": {"n": 2}})
    with pytest.raises(NoHistory, match=rf"nobody vouched for it.*python -m pipeline trust {dataset.id}"):
        changes(dataset.folder, root)


def test_tampering_since_an_event_is_told(root: DataRoot, dataset: Dataset) -> None:
    path = dataset.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["items"][1]["label"] = 0
    path.write_text(json.dumps(manifest))
    (found,) = changes(dataset.folder, root, since=1)
    assert [str(one) for one in found.differences] == ["item 1 none/1.png: label 0, was 1"]
    with pytest.raises(NoHistory, match="no event 2; its history has 1 to 1"):
        changes(dataset.folder, root, since=2)


def test_a_model_is_compared_by_its_files(root: DataRoot) -> None:
    folder = trained(root)
    (folder / "weights.safetensors").write_bytes(b"other")
    (found,) = changes(folder, root, since=1)
    (found,) = found.differences
    assert (found.what, found.name) == ("sha256", "weights.safetensors")


def test_without_the_kept_manifest_nothing_can_be_compared(root: DataRoot, dataset: Dataset) -> None:
    kept(dataset).unlink()
    with pytest.raises(BrokenHistory, match=r"history-.*\.manifest is gone or was changed; bring it back"):
        changes(dataset.folder, root, since=1)


def test_behind_a_broken_ancestor_no_trusted_root_is_looked_for(
    root: DataRoot, dataset: Dataset, flipped: Dataset
) -> None:
    (dataset.folder / HISTORY).write_text("")
    with pytest.raises(BrokenHistory, match="its last line is not whole"):
        changes(flipped.folder, root)
