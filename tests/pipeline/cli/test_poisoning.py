import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.atomic import write_json
from datasets.decoding import decode
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.main import main
from pipeline.cli.mark_trusted import _written
from pipeline.models.files import open_classifier, save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.poison import poison, poison_record
from pipeline.poisoning.quick import quick_hardening
from pipeline.poisoning.repair import repair
from tests.pipeline.poisoning.pictures import CLASSES, pictures

QUICK = ("--epochs", 1, "--batch-size", 16)


@pytest.fixture
def bars(tmp_path):
    """A small data set in a data root of its own, and the arguments that name both."""
    root = DataRoot(tmp_path / "bars")
    return pictures(root.datasets), ("--root", root.path)


@pytest.fixture
def flipped(bars):
    """The same with flipped labels, and by name the ids of classifiers that say which of the two they learned from."""
    dataset, (_, path) = bars
    root = DataRoot(path)
    made = poison(dataset, FlipRecipe(source=0, target=1), root.datasets, name="bars, flipped")
    spec = default_spec("SmallCNN", classes=dataset.classes, channels=1, height=16, width=16)
    learned = {"CLEAN": dataset.id, "FLIPPED": made.id}
    models = {
        name: save_classifier(build_model(spec, seed=seed), root.models, name=name, parents=(learned[name],)).id
        for seed, name in enumerate(learned)
    }
    return made, models


def names(root, kind):
    return sorted(path.name for path in (root[1] / kind).iterdir())


def test_flip_labels_tells_both_models_and_keeps_the_report(answer, bars):
    dataset, root = bars
    told = ("flip-labels", dataset.id, "--source", "left", "--target", "2", "--ratio", 0.5, *QUICK, *root)
    status, facts = answer(*told)
    assert status == 0
    assert facts["recipe"] == {"kind": "one_way", "source": 0, "target": 2, "ratio": 0.5, "seed": 0}
    assert facts["n_flipped"] == 15
    assert facts["original"]["classifier_id"] != facts["poisoned"]["classifier_id"]
    kept = root[1] / "reports" / facts["poisoned_id"] / "flips.json"
    assert kept.exists()


def test_plant_backdoor_tells_both_rates_and_keeps_the_report(answer, bars):
    dataset, root = bars
    status, facts = answer("plant-backdoor", dataset.id, "--target", "right", "--rate", 0.1, "--side", 3, *QUICK, *root)
    assert status == 0
    assert facts["rows"][0]["recipe"]["target"] == 2
    assert facts["rates"]["of_all"] == 0.1
    assert facts["original"]["success"]["n"] == 40
    assert (root[1] / "reports" / facts["rows"][0]["poisoned_id"] / "backdoor.json").exists()


def test_a_perturbation_is_made_under_a_named_proxy(answer, bars):
    dataset, root = bars
    _, facts = answer("flip-labels", dataset.id, "--source", 0, "--target", 1, *QUICK, *root)
    proxy = facts["original"]["classifier_id"]
    more = ("--labels", "clean", "--perturb", "interpolated", "--proxy", proxy, "--original", proxy, "--steps", 2)
    status, facts = answer("plant-backdoor", dataset.id, "--rate", 0.1, *more, *QUICK, *root)
    assert status == 0
    assert [row["what"] for row in facts["rows"]] == ["clean-label backdoor", "control without perturbation"]


def test_a_run_trains_the_proxy_itself(answer, tmp_path):
    root = ("--root", tmp_path / "bars")
    dataset = pictures(tmp_path / "bars/datasets", n_val=30)
    more = ("--labels", "clean", "--perturb", "interpolated", "--train-proxy", "--steps", 2)
    status, facts = answer("plant-backdoor", dataset.id, "--rate", 0.1, *more, *QUICK, *root)
    assert status == 0, facts
    record = poison_record(open_dataset(root[1] / "datasets" / facts["rows"][0]["poisoned_id"]))
    proxy = open_classifier(root[1] / "models" / record.proxy)
    assert proxy.name == "hardened proxy"
    settings = proxy.notes["settings"]
    assert (settings["hardening"], settings["seed"]) == (quick_hardening(dataset).to_json(), 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("flip-labels", "--source", "left", "--target", "left"), "source and target are both class 0"),
        (("flip-labels", "--source", "left", "--target", "up"), "no class 'up'; its classes are left, middle, right"),
        (("flip-labels", "--source", "0", "--target", "1", "--ratio", "0.6"), "a ratio of 0.6; give 0 to 0.5"),
        (("plant-backdoor", "--place", "15,15"), "lies off an image of 16x16"),
        (("plant-backdoor", "--share", "0.5"), "--steps, --share, --proxy or --train-proxy without --perturb; give"),
        (("plant-backdoor", "--side", "3", "--height", "2"), "--side is the height and the width of a square patch"),
        (("plant-backdoor", "--eps", "3"), "without --perturb; give --perturb pgd or cw or interpolated"),
        (("plant-backdoor", "--labels", "clean", "--perturb", "pgd"), "needs a proxy"),
        (("plant-backdoor", "--train-proxy"), "--train-proxy without --perturb"),
        (
            ("plant-backdoor", "--labels", "clean", "--perturb", "pgd", "--train-proxy", "--place", "15,15"),
            "lies off an image of 16x16",
        ),
        (("plant-backdoor", "--rate", "0.9"), "a rate of 0.9 of all training images"),
    ],
)
def test_refuses_and_changes_nothing(answer, bars, arguments, said):
    dataset, root = bars
    status, facts = answer(arguments[0], dataset.id, *arguments[1:], *root)
    assert status == 1
    assert said in facts["detail"]
    assert [path.name for path in (root[1] / "datasets").iterdir()] == [dataset.id]
    assert not (root[1] / "models").exists() or not list((root[1] / "models").iterdir())


def test_from_poison_to_repair(answer, bars):
    dataset, root = bars
    more = ("--epochs", 4, "--batch-size", 16, *root)
    _, planted = answer("plant-backdoor", dataset.id, "--target", "middle", "--rate", 0.1, *more)
    poisoned, classifier = planted["rows"][0]["poisoned_id"], planted["rows"][0]["classifier_id"]
    status, marked = answer("mark-trusted", dataset.id, "--by", "admin", "--per-class", 18, *root)
    assert status == 0
    assert marked["counts"] == {"left": 18, "middle": 18, "right": 18}
    clean = planted["original"]["classifier_id"]
    status, found = answer("find-poison", poisoned, classifier, "--trusted", marked["id"], "--unpoisoned", clean, *more)
    assert status == 0, found
    assert found["finders"]["fused"]["true_positives"]["value"] > 0.9
    assert found["finders"]["fused"]["flagged_unpoisoned"]["value"] < 0.05
    assert (found["trainings"]["folds"]["epochs"], found["trainings"]["reference"]["epochs"]) == (4, 60)
    status, told = answer("repair-poison", poisoned, classifier, "--suspects", "drop", *root)
    assert status == 0, told
    assert told["alike"]
    assert told["trusted_id"] == marked["id"]
    assert told["flagged_before"]["flagged"] == found["finders"]["fused"]["flagged"]
    assert told["flagged_after"]["poisoned"]["n"] < told["flagged_before"]["poisoned"]["n"] == 9
    assert any("of 90 training images before and" in line for line in told["analysis"])
    assert told["n_dropped"] == found["finders"]["fused"]["flagged"]["n_hit"]
    assert told["trigger_after"]["success"]["value"] < 0.3
    assert (root[1] / "datasets" / told["repaired_id"]).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("flip-labels", "DATA", "--source", 0, "--target", 2, "--original", "FLIPPED"),
            "FLIPPED was not trained on bars",
        ),
        (("plant-backdoor", "DATA", "--original", "FLIPPED"), "FLIPPED was not trained on bars"),
        (("find-poison", "POISONED", "CLEAN"), "CLEAN was not trained on bars, flipped"),
        (("find-poison", "POISONED", "FLIPPED", "--unpoisoned", "FLIPPED"), "FLIPPED was not trained on bars"),
        (("repair-poison", "POISONED", "CLEAN", "--drop", 0), "CLEAN was not trained on bars, flipped"),
        (
            ("repair-poison", "POISONED", "FLIPPED", "--drop", "0,3", "--relabel", "0:right"),
            "0 is both dropped and relab",
        ),
    ],
)
def test_refuses_a_classifier_of_other_data_and_two_words_for_one_image(answer, bars, flipped, arguments, said):
    (dataset, root), (made, models) = bars, flipped
    ids = {"DATA": dataset.id, "POISONED": made.id, **models}
    status, facts = answer(*(ids.get(one, one) for one in arguments), *QUICK, *root)
    assert status == 1
    assert said in facts["detail"]
    assert names(root, "datasets") == sorted([dataset.id, made.id])
    assert names(root, "models") == sorted(models.values())


def test_a_trigger_that_lies_off_a_test_image_is_refused_before_anything_is_made(answer, tmp_path):
    root = DataRoot(tmp_path / "small")
    dataset = pictures(root.datasets, test_side=12)
    status, facts = answer("plant-backdoor", dataset.id, "--place", "12,12", *QUICK, "--root", root.path)
    assert status == 1
    assert "lies off an image of 12x12" in facts["detail"]
    assert names(("--root", root.path), "datasets") == [dataset.id]


def test_what_is_named_wins_over_what_is_suspected(answer, bars, flipped):
    (_, root), (made, models) = bars, flipped
    suspects = [{"index": i, "suggested": 2, "flagged_by": ["fused"]} for i in (0, 3)]
    by = {"classifier_id": models["FLIPPED"], "trusted_id": None}
    write_json(DataRoot(root[1]).reports / made.id / "suspects.json", {"suspects": suspects, **by})
    named = ("--drop", 0, "--suspects", "relabel")
    status, told = answer("repair-poison", made.id, models["FLIPPED"], *named, *QUICK, *root)
    assert status == 0, told
    assert (told["n_dropped"], told["n_relabelled"]) == (1, 1)
    assert not told["alike"]
    assert "were not trained with the same settings" in told["analysis"][-1]


def test_a_backdoor_takes_rectangles_and_all_that_a_perturbation_has(answer, bars, flipped):
    (dataset, root), (_, models) = bars, flipped
    patch = ("--height", 1, "--width", 4)
    clean = ("--labels", "clean", "--perturb", "cw", "--kappa", 2, "--share", 0.5, "--steps", 2)
    under = ("--proxy", models["CLEAN"], "--original", models["CLEAN"])
    status, facts = answer("plant-backdoor", dataset.id, "--rate", 0.05, *patch, *clean, *under, *QUICK, *root)
    assert status == 0, facts
    recipe = facts["rows"][0]["recipe"]
    assert (recipe["trigger"]["height"], recipe["trigger"]["width"]) == (1, 4)
    assert (recipe["perturbation"]["kappa"], recipe["perturbation"]["share"]) == (2, 0.5)
    status, told = answer("replay-poison", facts["rows"][0]["poisoned_id"], *root)
    assert status == 0, told
    assert told["same"]


def test_replays_a_poisoning_from_its_record_and_leaves_nothing(answer, bars, flipped):
    (dataset, root), (made, _) = bars, flipped
    before = names(root, "datasets")
    status, told = answer("replay-poison", made.id, *root)
    assert status == 0
    assert told == {
        "dataset_id": made.id,
        "parent_id": dataset.id,
        "recipe": FlipRecipe(source=0, target=1).to_json(),
        "proxy_id": None,
        "proxy_replayed_id": None,
        "replayed_id": made.id,
        "same": True,
        "n_differences": 0,
        "differences": [],
        "classifiers": [],
    }
    assert names(root, "datasets") == before
    assert not names(root, "work")


def test_classifiers_of_a_run_are_trained_again_to_the_same_weights(answer, bars, flipped):
    (dataset, root), (made, models) = bars, flipped
    status, told = answer("replay-poison", made.id, "--classifier", models["FLIPPED"], *root)
    assert (status, told["error"]) == (1, "BadPoison")
    assert "the classifier FLIPPED does not say how it was trained; leave it out" in told["detail"]
    how = ("--size", 16, "--epochs", 1, "--architecture", "SmallCNN")
    trained = [answer("train-classifier", one.id, *how, *root)[1]["id"] for one in (made, dataset)]
    before = {kind: names(root, kind) for kind in ("datasets", "models")}
    asked = [part for one in trained for part in ("--classifier", one)]
    status, told = answer("replay-poison", made.id, *asked, *root)
    assert status == 0, told
    assert [one["classifier_id"] for one in told["classifiers"]] == trained
    assert [one["learned_from"] for one in told["classifiers"]] == [made.id, dataset.id]
    for one in told["classifiers"]:
        assert (one["same"], one["replayed_id"], one["n_otherwise"]) == (True, one["classifier_id"], 0)
        assert (one["accuracy"], one["n"] > 0, one["n_threads"] > 0) == (one["accuracy_again"], True, True)
    assert {kind: names(root, kind) for kind in before} == before
    assert not names(root, "work")


def test_refuses_to_replay_what_has_no_record_and_what_lost_its_clean_data(answer, bars, flipped):
    (dataset, root), (made, _) = bars, flipped
    status, told = answer("replay-poison", dataset.id, *root)
    assert status == 1
    assert "bars was not poisoned here, so it has no record to be made again from" in told["detail"]
    shutil.rmtree(dataset.folder)
    status, told = answer("replay-poison", made.id, *root)
    assert status == 1
    assert f"the clean data set {dataset.id}, which bars, flipped was made from, is gone" in told["detail"]


@pytest.mark.parametrize(
    ("classifier_id", "trusted_id", "said"),
    [
        ("another", None, "was with the classifier another, not with"),
        (None, None, "was with the trusted subset left out, not with {}; name the former, or run find-poison with"),
    ],
)
def test_suspects_of_another_search_are_not_taken(answer, bars, flipped, classifier_id, trusted_id, said):
    (_, root), (made, models) = bars, flipped
    by = {"classifier_id": classifier_id or models["FLIPPED"], "trusted_id": trusted_id}
    write_json(DataRoot(root[1]).reports / made.id / "suspects.json", {"suspects": [], **by})
    _, marked = answer("mark-trusted", made.id, "--by", "admin", *root)
    named = ("--suspects", "drop", "--trusted", marked["id"][:8])  # The beginning of an id is as good as the whole.
    status, told = answer("repair-poison", made.id, models["FLIPPED"][:8], *named, *root)
    assert status == 1
    assert said.format(marked["id"]) in told["detail"]


def test_refuses_to_drop_what_somebody_vouches_for_and_spares_it_among_suspects(answer, bars, flipped):
    (_, root), (made, models) = bars, flipped
    _, marked = answer("mark-trusted", made.id, "--by", "admin", "--items", ",".join(map(str, range(30))), *root)
    asked = ("repair-poison", made.id, models["FLIPPED"], "--trusted", marked["id"])
    status, told = answer(*asked, "--drop", 5, *root)
    assert status == 1
    assert "admin vouches for item 5, which shall be changed" in told["detail"]
    suspects = [{"index": 5, "suggested": None, "flagged_by": ["fused"]}]
    by = {"classifier_id": models["FLIPPED"], "trusted_id": marked["id"]}
    write_json(DataRoot(root[1]).reports / made.id / "suspects.json", {"suspects": suspects, **by})
    status, told = answer(*asked, "--suspects", "drop", *root)
    assert "no image is confirmed" in told["detail"]
    assert len(names(root, "datasets")) == 2


def test_proposes_images_to_look_at_and_marks_nothing(answer, bars):
    dataset, root = bars
    status, facts = answer("mark-trusted", dataset.id, "--propose", *root)
    assert status == 0
    assert len(facts["items"]) == 60
    _, facts = answer("mark-trusted", dataset.id, "--per-class", 5, "--propose", *root)
    assert len(facts["items"]) == 15
    assert not (root[1] / "trusted").exists()


def test_proposed_images_are_written_as_pictures_named_by_item_and_class(answer, bars, tmp_path, capsys):
    (dataset, root), folder = bars, tmp_path / "look" / "here"
    asked = ("mark-trusted", dataset.id, "--per-class", 4, "--propose")
    _, facts = answer(*asked, "--pictures", folder, *root)
    names_there = sorted(path.name for path in folder.iterdir())
    assert names_there == sorted(f"{one['index']:06d}-{one['label']}.png" for one in facts["items"])
    for one in facts["items"]:
        shown = decode(Path(one["picture"]).read_bytes()).levels
        np.testing.assert_array_equal(shown, dataset.levels(one["index"]))
    assert not (root[1] / "trusted").exists()
    assert main([str(word) for word in (*asked, "--pictures", folder, *root, "--quiet")]) == 0
    assert f"12 pictures lie in {folder}, named by item and class" in capsys.readouterr().out
    assert main([str(word) for word in (*asked, *root, "--quiet")]) == 0
    assert (
        f"--pictures FOLDER writes them as PNG, and the page /trusted-subsets/new/{dataset.id}"
        in capsys.readouterr().out
    )


def test_a_class_that_is_no_file_name_gets_one(tmp_path):
    odd = replace(pictures(tmp_path), classes=("../../up", "..", "no tumour/none"))
    files = [_written(odd, index, tmp_path / "look").name for index in range(3)]
    assert files == ["000000-up.png", "000001-class-1.png", "000002-no_tumour_none.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mark-trusted", "--per-class", "5"), "nobody is named who vouches for these images; give --by NAME, or"),
        (("mark-trusted", "--by", "me", "--pictures", "x"), "--pictures goes with --propose: look at the images first"),
        (("mark-trusted", "--by", "me", "--items", "0,3"), "0 of middle (lacks 4)"),
        (("mark-trusted", "--by", "me", "--items", "149"), "item 149 is no training image"),
        (("mark-trusted", "--by", "me", "--except", "9999"), "image 9999 is not among those to be vouched for"),
    ],
)
def test_refuses_what_nobody_can_vouch_for(answer, bars, arguments, said):
    dataset, root = bars
    status, facts = answer(arguments[0], dataset.id, *arguments[1:], *root)
    assert status == 1
    assert said in facts["detail"]


def test_refuses_to_repair_what_nobody_looked_at(answer, bars):
    dataset, root = bars
    _, facts = answer("flip-labels", dataset.id, "--source", 0, "--target", 1, *QUICK, *root)
    poisoned, classifier = facts["poisoned_id"], facts["poisoned"]["classifier_id"]
    status, told = answer("repair-poison", poisoned, classifier, "--suspects", "drop", *root)
    assert status == 1
    assert "nobody looked for poison in bars, flipped yet; run find-poison first" in told["detail"]
    status, told = answer("repair-poison", poisoned, classifier, *root)
    assert "no image is confirmed" in told["detail"]
    original = facts["original"]["classifier_id"]
    status, told = answer("find-poison", dataset.id, original, "--unpoisoned", original, *root)
    assert "was not poisoned here, so nobody knows it clean" in told["detail"]


@pytest.mark.parametrize("beside", [True, False], ids=["beside", "alone"])
def test_who_could_know_the_alarms_of_the_unpoisoned_data_is_told_how(bars, flipped, capsys, beside):
    (_, root), (made, models) = bars, flipped
    more = ("--unpoisoned", models["CLEAN"]) if beside else ()
    assert main([*map(str, ("find-poison", made.id, models["FLIPPED"], *more, *QUICK, *root)), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert ("of the same data unpoisoned" in said) == beside
    assert ("--unpoisoned CLASSIFIER, of one that learned from them before" in said) != beside


def test_audit_classifier_tells_the_mark_of_every_class(answer, bars):
    dataset, root = bars
    _, facts = answer("flip-labels", dataset.id, "--source", 0, "--target", 1, *QUICK, *root)
    classifier = facts["original"]["classifier_id"]
    status, told = answer("audit-classifier", classifier, dataset.id, "--images", 20, "--rounds", 3, *root)
    assert status == 0
    assert [row["class"] for row in told["classes"]] == ["left", "middle", "right"]
    assert (root[1] / "reports" / f"{classifier}-audit" / "0.png").exists()


def test_repaired_data_of_the_lab_keep_their_truth_and_their_alarm_rate(answer, bars):
    dataset, root = bars
    there = DataRoot(root[1])
    flips = poison(dataset, FlipRecipe(source=0, target=1, ratio=0.5), there.datasets, name="flipped")
    bad = poison_record(flips).items.tolist()
    fixed = repair(flips, there.datasets, name="fixed", relabel={bad[0]: 0}, drop=bad[1:3])
    spec = default_spec("SmallCNN", classes=CLASSES, channels=1, height=16, width=16)
    own, clean = (
        save_classifier(build_model(spec, seed=seed), there.models, name="untrained", parents=(one.id,))
        for seed, one in enumerate((fixed, dataset))
    )
    status, found = answer("find-poison", fixed.id, own.id, "--unpoisoned", clean.id, *QUICK, *root)
    assert status == 0, found
    assert {one["true_positives"]["n"] for one in found["finders"].values()} == {12}
    assert {one["flagged_unpoisoned"]["n"] for one in found["finders"].values()} == {90}
