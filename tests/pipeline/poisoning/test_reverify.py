import json
from dataclasses import replace

import pytest

from pipeline.artefacts import DataRoot
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.chance import Learning
from pipeline.poisoning.find import Subject
from pipeline.poisoning.poison import poison, poison_record
from pipeline.poisoning.repair import repair
from pipeline.poisoning.repaired import compare_repair
from pipeline.poisoning.reverify import Flagged, Reverified, ask_finder
from pipeline.poisoning.success import Share
from pipeline.poisoning.triggers import Trigger
from pipeline.training.train import train_classifier

pytestmark = pytest.mark.usefixtures("one_thread")


def trained(dataset, settings, root):
    return Subject(dataset, train_classifier(dataset, settings, root.models, work=root.work, name="m"))


def verified(dataset, settings, root, drop, **more):
    subject = trained(dataset, settings, root)
    fixed = repair(dataset, root.datasets, name="fixed", drop=drop)
    report = compare_repair(dataset, fixed, subject.classifier, settings, root)
    beside = DataRoot(root.path / "beside")
    asked = [
        ask_finder(one, settings, root, beside) for one in (subject, Subject(report.repaired, report.after.classifier))
    ]
    return Reverified(dataset, report, asked[0], asked[1], alike=True, **more)


def test_a_backdoor_whose_images_are_dropped_is_told_with_the_trigger_and_the_truth(dataset, settings, root):
    recipe = BackdoorRecipe(trigger=Trigger(height=4, width=4), target=1, rate=0.2)
    stamped = poison(dataset, recipe, root.datasets, name="stamped")
    bad = poison_record(stamped).items.tolist()
    made = verified(stamped, settings, root, bad[1:])
    told = json.loads(json.dumps(made.to_json()))
    assert [row["item"] for row in told["dropped"]] == bad[1:]
    assert told["relabelled"] == []
    assert [a - b for a, b in zip(told["counts"]["before"], told["counts"]["after"], strict=True)] == [0, 17, 0]
    assert (told["truth"]["n_dropped"], told["truth"]["n_left"], told["truth"]["n_honest_dropped"]) == (17, 1, 0)
    assert told["trigger_after"]["success"]["n"] == 40
    assert (told["flagged_before"]["poisoned"]["n"], told["flagged_after"]["poisoned"]["n"]) == (18, 1)
    assert told["flagged_after"]["flagged"]["n"] == 73
    said = " ".join(told["analysis"])
    assert "Of 90 training images 17 were dropped and 0 relabelled" in said
    assert "With the trigger laid on 40 test images of other classes than the target" in said
    assert "Of the 18 images that the lab had poisoned, 17 were dropped" in said
    assert not (root.path / "work" / "finding").exists()


def test_of_data_that_nobody_knows_no_more_is_said_than_was_measured(dataset, settings, root):
    made = verified(dataset, settings, root, [0, 4], finding_id="f")
    told = made.to_json()
    assert "truth" not in told
    assert "trigger_after" not in told
    assert told["flagged_after"]["poisoned"] is None
    assert told["finding_id"] == "f"
    assert "Nobody knows the truth of these data" in made.analysis[-1]


def test_settings_that_differ_are_told(dataset, settings, root):
    made = verified(dataset, settings, root, [0])
    unlike = Reverified(made.suspected, made.report, made.before, made.after, alike=False)
    assert unlike.analysis[:-1] == made.analysis
    assert "were not trained with the same settings" in unlike.analysis[-1]


def test_models_that_learned_nothing_are_named_with_when_they_were_asked(dataset, settings, root):
    made = verified(dataset, settings, root, [0])
    asked = (Learning("the trusted reference", Share(5, 20), "trusted images", 0.35),)
    unlike = replace(made, after=replace(made.after, learning=asked))
    assert made.not_learned is None
    assert [one.who for one in unlike.learning] == [
        "the classifier before",
        *(f"{one.who} before" for one in made.before.learning),
        "the classifier after",
        "the trusted reference after",
    ]
    assert unlike.not_learned.startswith("The accuracy of the trusted reference after is 25.0 % ")
    assert unlike.to_json()["not_learned"] == unlike.not_learned
    assert unlike.not_learned.endswith("What this says of the repair means little. Next: train for more epochs.")


def test_flags_survive_the_way_through_a_file():
    learned = (Learning("the classifier", Share(5, 20), "test images", 0.35),)
    for flags in (
        Flagged(Share(3, 90), learning=learned),
        Flagged(Share(3, 90)),
        Flagged(Share(3, 90), Share(2, 5), Share(1, 85)),
    ):
        assert Flagged.from_json(json.loads(json.dumps(flags.to_json()))) == flags
