"""The audit of a classifier as a job: what it refuses before it begins, and that it can be cancelled."""

from dataclasses import replace

import pytest

from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, UnknownArtefact
from pipeline.poisoning import audit as audits
from pipeline.poisoning.quick import quick_settings
from pipeline.training.train import train_classifier
from tests.pipeline.poisoning.pictures import pictures
from tests.webapp.jobs.test_verifying import work
from webapp.jobs.audit import SPLIT
from webapp.jobs.lease import CancelledByUserError
from webapp.jobs.registry import KINDS
from webapp.queries.audits import FILE


@pytest.fixture
def root(settings):
    return DataRoot(settings.data_root)


@pytest.fixture
def bars(root):
    return pictures(root.datasets, n_train=30, n_test=12)


@pytest.fixture
def classifier(root, bars):
    how = replace(quick_settings(bars), epochs=1, batch_size=16)
    return train_classifier(bars, how, root.models, work=root.work, name="bars")


def asked(classifier, dataset, **more):
    return {"classifier_id": classifier.id, "dataset_id": dataset.id, "name": "n", "n_images": 6, "seed": 0, **more}


def test_a_data_set_without_test_images_and_no_images_at_all_are_refused(jobs, root, bars, classifier):
    bare = pictures(root.datasets, n_train=12, n_test=0, seed=1)
    with pytest.raises(BadPoison, match=f"bars has no image in the split '{SPLIT}'; choose another data set"):
        jobs.enqueue("audit_classifier", asked(classifier, bare))
    with pytest.raises(BadPoison, match="0 images; use 1 to 2000"):
        jobs.enqueue("audit_classifier", asked(classifier, bars, n_images=0))
    with pytest.raises(UnknownArtefact, match="no 'gone' in models"):
        jobs.enqueue("audit_classifier", asked(classifier, bars, classifier_id="gone"))


def test_it_tells_how_far_it_is_and_ends_when_cancelled(settings, root, bars, classifier, tmp_path):
    told = []

    def stop(done, total, what):
        told.append((done, total, what))
        if len(told) == 3:
            raise CancelledByUserError

    before = set(root.reports.iterdir())
    with pytest.raises(CancelledByUserError):
        KINDS["audit_classifier"].run(work(settings, asked(classifier, bars), tmp_path / "work", stop))
    assert told[0] == (0, 1, "Reading the classifier")
    assert told[1:] == [(1, 180, "class 0"), (2, 180, "class 0")]
    assert set(root.reports.iterdir()) == before


def test_pages_read_the_file_that_an_audit_writes():
    assert audits.FILE == FILE
