"""Reading a zip that a stranger sent."""

import io
import stat
import struct
import unicodedata
import zipfile

import pytest

from datasets.archive import ArchiveLimits, open_archive
from datasets.errors import BadArchive


@pytest.fixture
def pack(tmp_path):
    def write(members, method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "upload.zip"
        with zipfile.ZipFile(path, "w", method) as file:
            for member, content in members:
                file.writestr(member, content)
        return path

    return write


def refuse(path, message, limits=None):
    with pytest.raises(BadArchive, match=message), open_archive(path, limits):
        pass


def test_files_are_named_in_order_and_read_whole(pack):
    path = pack([("b/2.png", b"two"), ("a/", b""), ("a/1.png", b"one" * 1000)])
    with open_archive(path) as archive:
        assert archive.names() == ("b/2.png", "a/1.png")
        assert archive.read("a/1.png") == b"one" * 1000
        assert archive.size("b/2.png") == 3


def test_litter_of_operating_systems_is_ignored_and_told(pack):
    path = pack([("a/1.png", b"1"), ("__MACOSX/a/._1.png", b"x"), ("a/.DS_Store", b"x"), ("a/Thumbs.db", b"x")])
    with open_archive(path) as archive:
        assert archive.names() == ("a/1.png",)
        assert archive.ignored == ("__MACOSX/a/._1.png", "a/.DS_Store", "a/Thumbs.db")


def test_names_are_composed_and_use_forward_slashes(pack):
    path = pack([(unicodedata.normalize("NFD", "é/1.png"), b"1"), ("win\\2.png", b"2")])
    with open_archive(path) as archive:
        assert archive.names() == ("é/1.png", "win/2.png")
        assert archive.read("é/1.png") == b"1"


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:\\evil.png", "a\\..\\..\\evil"]
)
def test_names_that_lead_out_are_refused(pack, name):
    refuse(pack([("a/1.png", b"1"), (name, b"x")]), r"evil.*: a name that leads out of the folder; zip the files")


def test_a_link_is_refused(pack):
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refuse(pack([(link, b"/etc/passwd")]), "a/link.png: a link or a special file")


def test_an_encrypted_member_is_refused(pack):
    path = pack([("a/1.png", b"1")])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refuse(path, "a/1.png: encrypted; zip the files without a password")


@pytest.mark.parametrize("name", ["inner.zip", "a/inner.TAR.GZ"])
def test_an_archive_inside_is_refused(pack, name):
    refuse(pack([(name, b"PK")]), "an archive inside the archive; unpack it")


def test_a_rare_compression_is_refused(pack):
    refuse(pack([("a/1.png", b"1")], zipfile.ZIP_LZMA), "a/1.png: compression method 14, expected deflate")


def test_too_many_members_are_refused(pack):
    path = pack([(f"{i}.png", b"") for i in range(4)])
    refuse(path, "4 members, at most 3 are accepted", ArchiveLimits(max_members=3))


def test_a_bomb_is_refused_before_it_is_inflated(pack):
    path = pack([("a/bomb.bmp", bytes(20 << 20))])
    refuse(path, r"a/bomb.bmp: [\d,]+ bytes would inflate to 20,971,520, more than 200 to 1")


def test_a_bomb_of_many_small_members_is_refused(pack):
    path = pack([(f"{i}.bmp", bytes(1 << 20)) for i in range(20)])
    refuse(path, "the zip: .* more than 200 to 1")


def test_a_total_over_the_limit_is_refused(pack):
    path = pack([("a.png", bytes(600)), ("b.png", bytes(600))])
    refuse(path, "1,200 bytes after inflating, at most 1,000", ArchiveLimits(max_total_bytes=1000))


def test_one_member_over_the_limit_leaves_the_others(pack):
    path = pack([("a.png", bytes(600)), ("b.png", bytes(400))])
    with open_archive(path, ArchiveLimits(max_member_bytes=500)) as archive:
        with pytest.raises(BadArchive, match=r"a\.png: 600 bytes after inflating, at most 500 a file"):
            archive.read("a.png")
        assert archive.read("b.png") == bytes(400)


def test_members_that_share_bytes_are_refused(pack):
    path = pack([("a.png", b"1" * 50), ("b.png", b"2" * 50)], zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(data)
    refuse(path, "overlaps")


def test_a_lie_about_the_size_is_found_while_inflating(pack):
    path = pack([("a/1.png", b"1" * 100_000)])
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    with open_archive(path) as archive, pytest.raises(BadArchive, match=r"a/1\.png"):
        archive.read("a/1.png")


def test_a_broken_member_is_named_and_the_others_are_read(pack):
    path = pack([("a.png", b"1" * 50), ("b.png", b"2" * 50)], zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"1" * 50, b"1" * 49 + b"x"))
    with open_archive(path) as archive:
        with pytest.raises(BadArchive, match=r"a\.png: cannot be read from the zip"):
            archive.read("a.png")
        assert archive.read("b.png") == b"2" * 50


def test_the_same_name_twice_is_refused(pack):
    path = pack([("a.png", b"1"), ("b.png", b"2")])
    path.write_bytes(path.read_bytes().replace(b"b.png", b"a.png"))
    refuse(path, "a.png: is in the zip twice")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip_is_refused(tmp_path, content):
    path = tmp_path / "upload.zip"
    path.write_bytes(content)
    refuse(path, "upload.zip: not a zip that can be read")


def test_a_truncated_zip_is_refused(pack):
    path = pack([("a.png", b"1" * 500)])
    path.write_bytes(path.read_bytes()[:-30])
    refuse(path, "not a zip that can be read")


def test_an_unknown_name_is_refused(pack):
    with open_archive(pack([("a.png", b"1")])) as archive, pytest.raises(BadArchive, match=r"c\.png: no such file"):
        archive.read("c.png")


def test_a_member_can_be_read_as_a_stream(pack):
    with open_archive(pack([("a.png", b"12345")])) as archive, archive.stream("a.png") as member:
        assert io.BytesIO(member.read(2)).read() + member.read() == b"12345"
