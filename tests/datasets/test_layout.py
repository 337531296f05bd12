import pytest

from datasets.layout import places


def found(*names: str) -> list[tuple[str, str | None]]:
    return [(place.label, place.split) for place in places(names)]


def test_folders_are_classes() -> None:
    assert found("glioma/a.png", "notumor/b.png") == [("glioma", None), ("notumor", None)]


@pytest.mark.parametrize(
    ("folder", "split"),
    [("Training", "train"), ("train", "train"), ("TEST", "test"), ("Testing", "test"), ("Val", "val")],
)
def test_folders_of_a_split_are_known_by_many_names(folder: str, split: str) -> None:
    assert found(f"{folder}/a/1.png", f"{folder}/b/2.png") == [("a", split), ("b", split)]


def test_outer_folders_are_looked_through() -> None:
    names = ("set/v1/Training/a/1.png", "set/v1/Testing/b/2.png", "set/README.txt")
    assert found(*names) == [("a", "train"), ("b", "test"), ("", None)]
    assert found("set/a/1.png", "set/b/2.png") == [("a", None), ("b", None)]


def test_deeper_folders_belong_to_their_class() -> None:
    assert found("a/patient1/1.png", "b/2.png", "b/patient2/s1/3.png") == [("a", None), ("b", None), ("b", None)]
    assert found("train/a/patient1/1.png", "test/b/x/2.png") == [("a", "train"), ("b", "test")]


def test_one_class_stays_a_class() -> None:
    assert found("a/1.png", "a/2.png") == [("a", None), ("a", None)]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("1.png", "a/2.png", "b/3.png"), "lies in no folder"),
        (("train/1.png", "train/a/2.png"), "lies in train without a class"),
        (("docs/1.png", "train/a/2.png"), "lies in docs, beside the folders of the splits"),
    ],
)
def test_says_why_a_file_has_no_class(names: tuple[str, ...], reason: str) -> None:
    place = places(names)[0]
    assert place.label == ""
    assert reason in place.reason


def test_nothing_is_a_case() -> None:
    assert places([]) == []
