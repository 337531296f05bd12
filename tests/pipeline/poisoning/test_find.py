from dataclasses import replace

import numpy as np
import pytest

from detector.poisoned.fused import Fused
from detector.poisoned.patch_scan import PatchScan
from detector.poisoned.registry import FINDERS
from pipeline.errors import BadPoison
from pipeline.models.files import save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.evidence import gather
from pipeline.poisoning.find import Subject, find_poison
from pipeline.poisoning.poison import poison, poison_record
from pipeline.poisoning.trusted import mark_trusted, proposed
from pipeline.training.train import train_classifier

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def stamped(dataset, root):
    return poison(dataset, BackdoorRecipe(target=1, rate=0.2), root.datasets, name="stamped")


def trained(dataset, settings, root):
    return Subject(dataset, train_classifier(dataset, settings, root.models, work=root.work, name="m"))


def trusted_of(stamped, root):
    record = poison_record(stamped)
    truth = () if record is None else record.items
    return mark_trusted(stamped, [i for i in proposed(stamped, 14) if i not in truth], root.trusted, by="admin")


def test_finds_what_was_stamped_and_stays_quiet_on_the_same_data_without(stamped, dataset, settings, root):
    subject, before = trained(stamped, settings, root), trained(dataset, settings, root)
    found = find_poison(subject, settings, root, trusted=trusted_of(stamped, root), unpoisoned=before)
    truth = poison_record(stamped).items
    hits, alarms = found.rates(truth)[Fused.NAME]
    assert hits.value > 0.9
    assert alarms.value < 0.05
    assert set(found.findings) == set(found.clean) == {finder.NAME for finder in FINDERS}
    assert found.clean[Fused.NAME].value < 0.05
    assert set(found.ranked()[:10]) <= set(truth.tolist())
    told = found.to_json(truth)
    assert (told["not_learned"], [one["above_chance"] for one in told["learning"]]) == (None, [True] * 6)
    assert told["finders"]["fused"]["true_positives"]["n"] == 18
    assert told["finders"]["fused"]["flagged_unpoisoned"]["n"] == 90
    first = told["suspects"][0]
    assert first["index"] == found.ranked()[0]
    assert "fused" in first["flagged_by"]
    assert first["score"] == first["scores"]["fused"]
    for name in found.findings:
        scores = {one["index"]: one["scores"][name] for one in told["suspects"] if name in one["flagged_by"]}
        assert sorted(scores, key=lambda index: (-scores[index], index)) == found.ranked(name)
    assert not list((root.work / "finding").iterdir())


def test_without_anybody_who_vouches_the_reference_is_left_out(stamped, settings, root):
    found = find_poison(trained(stamped, settings, root), settings, root, finders=(PatchScan, *FINDERS))
    assert "trusted reference" not in found.findings
    assert found.trusted_id is None
    assert "true_positives" not in found.to_json()["finders"]["fused"]


def test_models_that_learned_nothing_are_named(stamped, dataset, settings, root, monkeypatch):
    monkeypatch.setattr("pipeline.poisoning.evidence.for_few", lambda how, n: how)
    spec = default_spec("SmallCNN", classes=dataset.classes, channels=1, height=16, width=16)
    idle = save_classifier(build_model(spec), root.models, name="idle", parents=(stamped.id,))
    quick = replace(settings, epochs=1, learning_rate=1e-6)
    trusted = trusted_of(stamped, root)
    found = find_poison(Subject(stamped, idle), quick, root, trusted=trusted, unpoisoned=Subject(dataset, idle))
    who = ["the classifier", "the models of the other folds", "the trusted reference"]
    assert [one.who for one in found.learning] == [*who, *(f"{one} of the same data unpoisoned" for one in who)]
    assert not any(one.above_chance for one in found.learning)
    assert found.learning[2].right.n == len(trusted.rows(stamped))
    told = found.to_json()
    assert [one["above_chance"] for one in told["learning"]] == [False] * 6
    assert "The accuracy of the trusted reference is" in told["not_learned"]
    assert "vouch for more images of each class, or look again with more epochs" in told["not_learned"]
    assert "What the finders flag means little. Next: train for more epochs; " in told["not_learned"]


def test_evidence_has_a_row_a_training_image_and_shows_it_in_8_bits(stamped, settings, root):
    subject, quick = trained(stamped, settings, root), replace(settings, epochs=1)
    rows = trusted_of(stamped, root).rows(stamped)
    gathered = gather(stamped, subject.classifier, rows, quick, work=root.work / "x")
    evidence = gathered.evidence
    assert gathered.rows.tolist() == stamped.indices("train").tolist()
    np.testing.assert_array_equal(evidence.pixels[5], stamped.levels(gathered.rows[5]))
    assert evidence.labels.tolist() == stamped.labels[gathered.rows].tolist()
    assert np.flatnonzero(evidence.trusted).tolist() == [gathered.rows.tolist().index(i) for i in rows]
    assert evidence.features.shape == (90, 128)
    assert evidence.probs.shape == evidence.reference_probs.shape == (90, 3)


def test_refuses_a_classifier_of_other_classes(stamped, settings, root):
    spec = default_spec("SmallCNN", classes=("cat", "dog"), channels=1, height=16, width=16)
    other = save_classifier(build_model(spec), root.models, name="pets")
    with pytest.raises(BadPoison, match="pets tells apart cat, dog; stamped has left, middle, right"):
        find_poison(Subject(stamped, other), settings, root)


def test_refuses_trusted_images_of_which_none_stands_there(stamped, dataset, settings, root):
    subject, subset = trained(stamped, settings, root), trusted_of(dataset, root)
    strange = replace(subset, images=tuple((f"other {name}", pixels, label) for name, pixels, label in subset.images))
    with pytest.raises(BadPoison, match=r"none of the \d+ trusted images stands in stamped"):
        find_poison(subject, settings, root, trusted=strange)
