import pytest

from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.main import main
from pipeline.poisoning.examples import mixed
from pipeline.poisoning.poison import poison_record
from tests.pipeline.poisoning.pictures import pictures

QUICK = ("--epochs", 1, "--batch-size", 16)


@pytest.fixture
def bars(tmp_path):
    """A small data set in a data root of its own, and the arguments that name both."""
    root = DataRoot(tmp_path / "bars")
    return pictures(root.datasets), ("--root", root.path)


def test_flips_are_shown_with_what_both_models_say(answer, bars):
    dataset, root = bars
    told = ("flip-labels", dataset.id, "--source", "left", "--target", "2", "--ratio", 0.2, "--seed", 3, *QUICK, *root)
    status, facts = answer(*told, "--show", 7)
    assert status == 0
    assert [one["index"] for one in facts["tests"]] == mixed(dataset.indices("test"), 3)[:7].tolist()
    for one in facts["tests"]:
        assert one["label"] == dataset.classes[dataset.items[one["index"]].label]
        assert one["with_trigger"] is None
        assert [said["model"] for said in one["models"]] == ["original model", "poisoned model"]
        assert all(said["right"] == (said["predicted"] == one["label"]) for said in one["models"])
    assert len(facts["training"]) == facts["n_flipped"] == 6
    record = poison_record(open_dataset(root[1] / "datasets" / facts["poisoned_id"]))
    assert {one["index"] for one in facts["training"]} == set(record.items.tolist())
    assert {(one["label"], one["true_label"], one["flipped"]) for one in facts["training"]} == {("right", "left", True)}


def test_as_many_test_images_are_asked_as_there_are(answer, bars):
    dataset, root = bars
    told = ("flip-labels", dataset.id, "--source", "0", "--target", "2", *QUICK, *root)
    _, facts = answer(*told, "--show", 100)
    assert sorted(one["index"] for one in facts["tests"]) == dataset.indices("test").tolist()
    right = sum(one["models"][0]["right"] for one in facts["tests"]) / len(facts["tests"])
    assert right == pytest.approx(facts["original"]["report"]["accuracy"])


def test_without_being_asked_nothing_more_is_told(answer, bars):
    dataset, root = bars
    _, facts = answer("flip-labels", dataset.id, "--source", "0", "--target", "2", *QUICK, *root)
    assert not {"tests", "training"} & set(facts)


def test_a_backdoor_is_shown_with_and_without_its_trigger(answer, bars):
    dataset, root = bars
    told = ("plant-backdoor", dataset.id, "--target", "right", "--rate", 0.1, "--side", 3, *QUICK, *root)
    _, facts = answer(*told, "--show", 4)
    assert len(facts["tests"]) == len(facts["training"]) == 4
    for one in facts["tests"]:
        for said in (one["models"], one["with_trigger"]):
            assert [told["model"] for told in said] == ["clean model", "dirty-label backdoor"]
    assert all(one["stamped"] and one["flipped"] and one["label"] == "right" for one in facts["training"])


def test_people_read_them_after_the_summary(bars, capsys):
    dataset, root = bars
    told = ("flip-labels", dataset.id, "--source", "left", "--target", "right", "--ratio", 0.2, *QUICK, *root)
    capsys.readouterr()
    assert main([*map(str, (*told, "--show", 2, "--quiet"))]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("2 test images, drawn by the seed:")
    assert start > 10
    assert ", in truth " in lines[start + 1]
    assert lines[start + 2].split()[:2] == ["original", "model"]
    assert lines[start + 3].split()[:2] == ["poisoned", "model"]
    assert lines[start + 7] == "2 of the training images that were changed:"
    assert all(line.endswith("flipped: labelled right, in truth left") for line in lines[start + 8 :])
    assert len(lines) == start + 10


@pytest.mark.parametrize("command", ["flip-labels", "plant-backdoor"])
@pytest.mark.parametrize("n", ["101", "-1", "few"])
def test_another_number_is_refused(capsys, command, n):
    with pytest.raises(SystemExit) as refused:
        main([command, "dataset", f"--show={n}"])
    assert refused.value.code == 1
    assert f"'{n}' images to show; give a whole number from 0 to 100" in capsys.readouterr().err
