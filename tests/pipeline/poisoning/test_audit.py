import json
from dataclasses import replace

import pytest

from datasets.decoding import decode
from detector.poisoned.inversion import InversionSettings
from pipeline.errors import BadPoison
from pipeline.poisoning.audit import FILE, audit_classifier, keep_audit
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.poison import poison
from pipeline.poisoning.quick import quick_settings
from pipeline.poisoning.triggers import Trigger
from pipeline.training.train import train_classifier
from tests.pipeline.poisoning.pictures import pictures

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = InversionSettings(rounds=80, batch=16)


def trained(dataset, root, *, epochs=8):
    settings = replace(quick_settings(dataset), epochs=epochs, batch_size=16)
    return train_classifier(dataset, settings, root.models, work=root.work, name="m")


def test_the_mark_of_a_planted_class_is_the_smallest(dataset, root):
    recipe = BackdoorRecipe(target=1, rate=0.2, trigger=Trigger(height=3, width=3))
    poisoned = poison(dataset, recipe, root.datasets, name="stamped")
    audit = audit_classifier(trained(poisoned, root), dataset, n_images=60, settings=QUICK)
    assert audit.found.norms.argmin() == 1
    assert audit.found.success[1] > 0.95
    clean = audit_classifier(trained(dataset, root), dataset, n_images=60, settings=QUICK)
    assert audit.found.norms[1] < 0.7 * clean.found.norms[1]
    assert audit.to_json()["n_images"] == 60


def test_is_the_same_again_and_keeps_figures_and_pictures(dataset, root, tmp_path):
    classifier = trained(dataset, root, epochs=2)
    one, other = (audit_classifier(classifier, dataset, n_images=20, settings=QUICK) for _ in range(2))
    assert one.to_json() == other.to_json()
    keep_audit(one, tmp_path / "audit")
    assert json.loads((tmp_path / "audit" / FILE).read_text()) == one.to_json()
    levels = decode((tmp_path / "audit" / "2.png").read_bytes()).levels
    assert levels.shape == (16, 16, 1)


def test_a_clean_verdict_clears_nobody(dataset, root):
    audit = audit_classifier(trained(dataset, root, epochs=2), dataset, n_images=20, settings=QUICK)
    clear = replace(audit, found=replace(audit.found, suspected=()))
    assert "This does not clear the classifier" in clear.said
    assert "left" in replace(audit, found=replace(audit.found, suspected=(0,))).said


def test_refuses_other_classes_and_an_empty_split(dataset, root, tmp_path):
    classifier = trained(dataset, root, epochs=1)
    with pytest.raises(BadPoison, match="bars has no image in the split 'val'; name another split"):
        audit_classifier(classifier, dataset, split="val")
    other = replace(pictures(tmp_path / "other"), classes=("a", "b", "c"))
    with pytest.raises(BadPoison, match="tells apart left, middle, right; bars has a, b, c"):
        audit_classifier(classifier, other)
