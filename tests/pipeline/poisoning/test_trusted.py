import json

import numpy as np
import pytest

from datasets.atomic import content_id
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, BrokenHistory
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.flips import FlipRecipe, flipped
from pipeline.poisoning.poison import poison
from pipeline.poisoning.repair import repair
from pipeline.poisoning.trusted import FILE, mark_trusted, open_trusted, proposed
from pipeline.provenance.chain import HISTORY, read_history
from pipeline.provenance.event import EventKind
from pipeline.provenance.record import recorded
from tests.fixtures.before import forget


def test_proposes_as_many_of_each_class_and_training_images_alone(dataset):
    rows = proposed(dataset, 5)
    assert np.bincount(dataset.labels[rows]).tolist() == [5, 5, 5]
    assert {dataset.items[i].split for i in rows} == {"train"}
    assert proposed(dataset, 5).tolist() == rows.tolist()
    assert set(rows) < set(proposed(dataset, 9))


def test_comes_back_as_it_was_marked(dataset, tmp_path):
    marked = mark_trusted(dataset, proposed(dataset, 5), tmp_path / "trusted", by="admin")
    again = open_trusted(tmp_path / "trusted" / marked.id)
    assert again == marked
    assert (again.by, again.dataset_id) == ("admin", dataset.id)
    assert again.rows(dataset).tolist() == proposed(dataset, 5).tolist()


def test_who_changes_a_label_or_a_picture_loses_the_word_for_it(dataset, tmp_path):
    marked = mark_trusted(dataset, proposed(dataset, 30), tmp_path / "trusted", by="admin")
    recipe = FlipRecipe(source=0, target=1, ratio=0.2)
    relabelled = poison(dataset, recipe, dataset.folder.parent, name="flipped")
    assert set(marked.rows(dataset)) - set(marked.rows(relabelled)) == set(flipped(dataset, recipe))
    stamped = poison(dataset, BackdoorRecipe(rate=0.1), dataset.folder.parent, name="stamped")
    assert len(marked.rows(stamped)) == 90 - 9


def test_refuses_a_subset_that_misses_a_class(dataset, tmp_path):
    rows = [i for i in proposed(dataset, 5) if dataset.items[i].label != 1]
    with pytest.raises(
        BadPoison, match=r"too few trusted images: 0 of middle \(lacks 4\); give at least 4 of every class, best 20"
    ):
        mark_trusted(dataset, rows, tmp_path / "trusted", by="admin")
    assert not (tmp_path / "trusted").exists()


def test_names_every_class_that_lacks_some(dataset, tmp_path):
    labels = dataset.labels
    rows = [
        [i for i in proposed(dataset, 5).tolist() if labels[i] == label][:n] for label, n in ((0, 5), (1, 1), (2, 3))
    ]
    says = r"^too few trusted images: 1 of middle \(lacks 3\), 3 of right \(lacks 1\); give at least 4 of every class"
    with pytest.raises(BadPoison, match=says):
        mark_trusted(dataset, [i for some in rows for i in some], tmp_path / "trusted", by="admin")


def test_refuses_what_is_no_training_image(dataset, tmp_path):
    with pytest.raises(BadPoison, match="bars: item 149 is no training image"):
        mark_trusted(dataset, [*proposed(dataset, 5), 149], tmp_path / "trusted", by="admin")


def test_refuses_a_file_that_was_changed(dataset, tmp_path):
    marked = mark_trusted(dataset, proposed(dataset, 5), tmp_path / "trusted", by="admin")
    file = tmp_path / "trusted" / marked.id / FILE
    told = json.loads(file.read_text())
    told["images"][0][2] = 1 - told["images"][0][2]
    file.write_text(json.dumps(told))
    with pytest.raises(BadPoison, match="not a trusted subset as it was written: its content makes the id"):
        open_trusted(file.parent)


def signed_by_nobody(folder, dataset, rows, by="admin"):
    """Another person's images under an id that fits them; gives that id."""
    told = json.loads((folder / FILE).read_text())
    told["images"] = [[dataset.items[i].name, dataset.items[i].pixels_sha256, dataset.items[i].label] for i in rows]
    told["by"] = by
    told["id"] = content_id({"dataset": told["dataset_id"], "images": told["images"], "by": by})
    (folder / FILE).write_text(json.dumps(told))
    return told["id"]


def test_refuses_other_images_under_the_folder_of_a_subset(dataset, root):
    folder = root.trusted / mark_trusted(dataset, range(30), root.trusted, by="admin").id
    made = signed_by_nobody(folder, dataset, [40, 41, 42])
    with pytest.raises(BadPoison, match=f"its content makes the id {made}, it lies under {folder.name}"):
        open_trusted(folder)


def test_refuses_what_the_signed_history_has_nobody_vouch_for(dataset, root):
    folder = root.trusted / mark_trusted(dataset, range(30), root.trusted, by="admin").id
    made = signed_by_nobody(folder, dataset, range(33))
    moved = folder.rename(root.trusted / made)
    said = f"{made}: the history of data set {dataset.id} has nobody who vouched for it; mark it again"
    with pytest.raises(BadPoison, match=said):
        open_trusted(moved)
    recorded(dataset.folder, root, EventKind.IMPORT, facts={"subset": made})  # No word of trust.
    with pytest.raises(BadPoison, match=said):
        open_trusted(moved)
    again = mark_trusted(dataset, range(33), root.trusted, by="admin")
    assert (again.id, open_trusted(moved)) == (made, again)


def test_a_word_ends_with_the_history_that_holds_it(dataset, root):
    folder = root.trusted / mark_trusted(dataset, range(30), root.trusted, by="admin").id
    history = dataset.folder / HISTORY
    whole = history.read_bytes()
    history.write_bytes(whole.replace(b'"by":"admin"', b'"by":"nobody"'))
    with pytest.raises(BrokenHistory, match="event 1"):
        open_trusted(folder)
    history.unlink()
    with pytest.raises(BrokenHistory, match=r"history\.jsonl was removed"):
        open_trusted(folder)
    forget(dataset.folder)
    with pytest.raises(BadPoison, match=r"no history tells who vouched for these images: .*; mark them again"):
        open_trusted(folder)
    dataset.folder.rename(root.path / "elsewhere")
    with pytest.raises(BadPoison, match=f"no '{dataset.id}' in datasets"):
        open_trusted(folder)


def test_when_somebody_vouched_is_what_the_history_says(dataset, root):
    marked = mark_trusted(dataset, range(30), root.trusted, by="admin")
    file = root.trusted / marked.id / FILE
    file.write_text(file.read_text().replace(marked.at, "1999-01-01T00:00:00+00:00"))
    assert open_trusted(file.parent).at == marked.at == read_history(dataset.folder, root)[-1].at


def test_the_history_of_the_data_set_tells_who_vouches(dataset, tmp_path):
    marked = mark_trusted(dataset, proposed(dataset, 5), tmp_path / "trusted", by="Dr. A")
    (event,) = read_history(dataset.folder, DataRoot(tmp_path))
    assert (event.kind, event.by, event.what["subset"]) == (EventKind.TRUST, "Dr. A", marked.id)


def test_an_image_that_was_dropped_is_vouched_for_no_more(dataset, root):
    marked = mark_trusted(dataset, range(30), root.trusted, by="admin")
    fixed = repair(dataset, root.datasets, name="fixed", drop=[3], relabel={4: 0})
    assert set(marked.rows(dataset)) - set(marked.rows(fixed)) == {3, 4}
