"""Files that are whole or absent, and ids made from content."""

import hashlib
from pathlib import Path

import pytest

from datasets.atomic import content_id, read_json, replacing, replacing_folder, sha256_file, write_json


class BrokenHalfwayError(Exception):
    pass


def break_halfway():
    raise BrokenHalfwayError


def test_a_file_appears_only_when_whole(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with replacing(path) as beside:
        beside.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_broken_writer_leaves_the_old_file_and_nothing_beside(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half():
        with replacing(path) as beside:
            beside.write_text("ne")
            break_halfway()

    with pytest.raises(BrokenHalfwayError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_the_older_one_as_a_whole(tmp_path):
    path = tmp_path / "folder"
    for text in ("old", "new"):
        with replacing_folder(path) as beside:
            (beside / "inner").mkdir()
            (beside / "inner" / text).write_text(text)
    assert [file.name for file in (path / "inner").iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_writer_leaves_the_old_folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()

    def write_half():
        with replacing_folder(path) as beside:
            (beside / "new").touch()
            break_halfway()

    with pytest.raises(BrokenHalfwayError):
        write_half()
    assert [file.name for file in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_hash_of_a_file_is_the_hash_of_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert sha256_file(path) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_an_id_depends_on_content_and_not_on_the_order_of_keys():
    assert content_id({"a": 1, "b": [1, "é"]}) == content_id({"b": [1, "é"], "a": 1})
    assert content_id({"a": 1}) != content_id({"a": 2})
    assert len(content_id(None)) == 16


def test_an_id_of_nan_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_id({"a": float("nan")})


def test_json_comes_back_as_it_was_written(tmp_path):
    value = {"name": "é", "numbers": [1, 2.5, None, True]}
    write_json(tmp_path / "file.json", value)
    assert read_json(tmp_path / "file.json") == value


def test_a_folder_that_takes_no_file_is_told_by_the_name_that_was_asked_for():
    path = Path("/proc/scan.png")

    with pytest.raises(OSError, match=r"'/proc/scan\.png'"), replacing(path):
        pass
