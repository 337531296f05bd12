import pytest

from pipeline.artefacts import DataRoot
from tests.pipeline.poisoning.pictures import pictures

QUICK = ("--epochs", 1, "--batch-size", 16)


@pytest.fixture
def bars(tmp_path):
    """A small data set in a data root of its own, and the arguments that name both."""
    root = DataRoot(tmp_path / "bars")
    return pictures(root.datasets), ("--root", root.path)


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("flip-labels", "--source", "left", "--target", "left"), "source and target are both class 0"),
        (("flip-labels", "--source", "left", "--target", "up"), "no class 'up'; its classes are left, middle, right"),
        (("flip-labels", "--source", "0", "--target", "1", "--ratio", "0.6"), "a ratio of 0.6; give 0 to 0.5"),
        (("plant-backdoor", "--place", "15,15"), "lies off an image of 16x16"),
        (("plant-backdoor", "--eps", "3"), "without --perturb; give --perturb pgd or cw or interpolated"),
        (("plant-backdoor", "--labels", "clean", "--perturb", "pgd"), "needs a proxy"),
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
