"""Files of a form in the data root: each kept once, none in the way of another."""

import hashlib
import io

import pytest
from werkzeug.datastructures import FileStorage

from webapp.app import create_app
from webapp.context import context
from webapp.problems import Refusal
from webapp.uploads import keep_upload


@pytest.fixture
def request_context(settings, database):
    app = create_app(settings)
    with app.test_request_context():
        yield
        context().database.dispose()


def keep(*files):
    return keep_upload([FileStorage(io.BytesIO(data), name) for name, data in files], owner_id=None)


@pytest.fixture
def kept(settings, request_context):
    def contents(row):
        return {path.name: path.read_bytes() for path in (settings.data_root / row.path).iterdir()}

    return contents


def test_two_parts_of_the_same_bytes_are_both_kept(kept):
    assert kept(keep(("a.idx", b"same"), ("b.idx", b"same"))) == {"a.idx": b"same", "b.idx": b"same"}


def test_a_part_that_is_called_as_a_folder_stays_in_the_folder(kept, settings):
    assert kept(keep(("..", b"one"), ("b.idx", b"two"))) == {"unnamed": b"one", "b.idx": b"two"}
    assert (settings.data_root / "scangate.db").is_file()


def test_a_long_chinese_name_is_kept(kept):
    row = keep(("\u8111" * 120 + ".idx", b"one"), ("b.idx", b"two"))
    assert sorted(kept(row).values()) == [b"one", b"two"]
    assert all(name.endswith(".idx") for name in kept(row))


def test_two_parts_of_one_name_are_refused_and_leave_nothing(settings, request_context):
    with pytest.raises(Refusal) as refused:
        keep(("a/x.idx", b"one"), ("b/x.idx", b"two"))
    assert refused.value.code == 422
    assert "x.idx" in str(refused.value.description)
    assert not list(settings.data_root.glob("uploads/*"))


def test_a_refused_part_leaves_nothing_of_the_others(settings, request_context):
    with pytest.raises(Refusal, match="0 bytes"):
        keep(("a.idx", b"one"), ("b.idx", b""))
    assert not list(settings.data_root.glob("uploads/*"))
    assert not list(settings.data_root.glob("work/*"))


def test_the_same_bytes_under_other_names_are_another_upload(kept):
    first = keep(("images", b"one"), ("labels", b"two"))
    second = keep(("labels", b"one"), ("images", b"two"))
    again = keep(("labels", b"two"), ("images", b"one"))
    assert first.sha256 != second.sha256
    assert first.path == again.path
    assert kept(first) == {"images": b"one", "labels": b"two"}
    assert kept(second) == {"labels": b"one", "images": b"two"}


def test_an_earlier_upload_stays_where_it_lies(kept, settings):
    first = keep(("a.idx", b"one"))
    keep(("a.idx", b"one"), ("b.idx", b"two"))
    assert (settings.data_root / first.path).read_bytes() == b"one"
    assert first.sha256 == hashlib.sha256(b"one").hexdigest()
