"""Orders on data whose history was removed: refused where they were changed, and taken where they are whole."""

import json

import pytest

from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory
from pipeline.provenance.event import EventKind
from pipeline.provenance.record import recorded
from tests.fixtures.before import forget
from tests.pipeline.poisoning.pictures import pictures
from tests.webapp.jobs.test_poisoning import asked, done
from webapp.errors import UnknownRecord
from webapp.jobs.asked import check_histories
from webapp.jobs.finding import clean_parent
from webapp.records.jobs import JobState

TRAINING = {"name": "after", "settings": {"epochs": 1, "size": 16}}


@pytest.fixture
def bars(settings):
    root = DataRoot(settings.data_root)
    made = pictures(root.datasets)
    recorded(made.folder, root, EventKind.IMPORT, by="ann")
    return made


def relabel(dataset):
    path = dataset.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["items"][0]["label"] = 1
    path.write_text(json.dumps(manifest))


def test_an_order_on_what_was_changed_is_refused_and_makes_no_job(jobs, settings, bars):
    relabel(bars)
    forget(bars.folder)
    for kind, params in (("train_classifier", {"dataset_id": bars.id, **TRAINING}), ("flip_labels", asked(bars))):
        with pytest.raises(BrokenHistory, match="no history is there, and its pictures, labels and splits make the id"):
            jobs.enqueue(kind, params)
    with pytest.raises(UnknownRecord):
        jobs.get(1)


def test_a_job_that_waited_meanwhile_is_refused_where_its_work_begins(jobs, settings, bars):
    job = jobs.enqueue("train_classifier", {"dataset_id": bars.id, **TRAINING})
    relabel(bars)
    forget(bars.folder)
    ended = jobs.run_until_ended(job.id)
    assert ended.state == JobState.FAILED
    assert "it was changed since it was made" in ended.error
    assert not list((settings.data_root / "models").glob("*"))


def test_what_is_whole_and_older_than_histories_is_trained_on(jobs, settings, bars):
    forget(bars.folder)
    check_histories(settings, {"dataset_id": bars.id})
    assert done(jobs, "train_classifier", {"dataset_id": bars.id, **TRAINING}).artefact_id


def test_a_search_asks_the_clean_data_as_well(jobs, settings, database, bars):
    from datasets.store import open_dataset
    from pipeline.poisoning.flips import FlipRecipe
    from pipeline.poisoning.poison import poison
    from webapp.jobs.finding import _linked

    root = DataRoot(settings.data_root)
    made = poison(bars, FlipRecipe(source=0, target=2), root.datasets, name="flipped")
    relabel(bars)
    forget(bars.folder)
    with pytest.raises(BrokenHistory, match=f"though datasets/{made.id} was made of it when there was one"):
        clean_parent(root, open_dataset(made.folder), opened=_linked)
