import pytest

from pipeline.artefacts import KINDS, DataRoot
from pipeline.errors import UnknownArtefact


@pytest.fixture
def root(tmp_path):
    root = DataRoot(tmp_path / "data")
    for name in ("abc1", "abc2", "xyz", "xyz2"):
        (root.models / name).mkdir()
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_folder_made_on_demand(tmp_path, kind):
    folder = getattr(DataRoot(tmp_path / "data"), kind)
    assert folder == tmp_path / "data" / kind
    assert folder.is_dir()


@pytest.mark.parametrize(("asked", "found"), [("abc1", "abc1"), ("xyz", "xyz"), ("xyz2", "xyz2")])
def test_finds_by_id(root, asked, found):
    assert root.find("models", asked) == root.models / found


def test_finds_by_the_beginning_that_only_one_has(root):
    (root.models / "q123").mkdir()
    assert root.find("models", "q") == root.models / "q123"


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        ("models", "abc", "begins 2 ids in models: abc1, abc2"),
        ("models", "nope", "no 'nope' in models of .*; there are abc1, abc2, xyz, xyz2"),
        ("models", "../models", "is no id"),
        ("models", "", "is no id"),
        ("cars", "abc1", "no kind of artefact"),
    ],
)
def test_refuses_what_is_not_exactly_one(root, kind, asked, message):
    with pytest.raises(UnknownArtefact, match=message):
        root.find(kind, asked)
