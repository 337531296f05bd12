import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import BadArchive, BadDataset
from datasets.findings import LEFT_OUT, Kind
from datasets.sources import Decoded, Source, open_source
from tests.datasets.scan_files import classes_of, encoded, picture, write_folder, write_zip

PNG = encoded(picture(1))


def read(path: Path) -> tuple[Source, list[Decoded]]:
    with open_source(path) as source:
        decoded = list(source.images())
    return source, decoded


def kinds(source: Source) -> dict[str, Kind]:
    return {finding.name: finding.kind for finding in source.findings}


def detail(source: Source, name: str) -> str:
    return next(finding.detail for finding in source.findings if finding.name == name)


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_zip_and_a_folder_give_the_same_images_by_name(tmp_path: Path, write: object) -> None:
    source, decoded = read(write(tmp_path / "scans", classes_of(2)))  # type: ignore[operator]
    assert [one.place.name for one in decoded] == ["a/0.png", "a/1.png", "b/0.png", "b/1.png"]
    np.testing.assert_array_equal(decoded[3].image.levels[..., 0], picture(1001))
    assert (source.n_files, source.findings) == (4, [])
    assert source.kind == ("zip" if write is write_zip else "folder")


def test_every_file_that_is_not_used_is_named_with_the_reason(tmp_path: Path) -> None:
    files = {
        "a/broken.png": PNG[: len(PNG) // 2],
        "a/empty.png": b"",
        "a/notes.txt": b"not an image at all",
        "a/small.png": encoded(picture(1, side=7)),
        "a/good.png": PNG,
        "loose.png": PNG,
        "b/Thumbs.db": b"x",
    }
    source, decoded = read(write_folder(tmp_path / "scans", files))
    assert [one.place.name for one in decoded] == ["a/good.png"]
    assert kinds(source) == {
        "a/broken.png": Kind.BROKEN,
        "a/empty.png": Kind.EMPTY,
        "a/notes.txt": Kind.UNSUPPORTED,
        "a/small.png": Kind.BROKEN,
        "loose.png": Kind.NO_CLASS,
        "b/Thumbs.db": Kind.IGNORED,
    }
    assert source.n_files == len(decoded) + sum(kind in LEFT_OUT for kind in kinds(source).values())
    assert "broken or truncated" in detail(source, "a/broken.png")
    assert "lies in no folder" in detail(source, "loose.png")


def test_a_wrong_extension_is_noted_and_the_image_used(tmp_path: Path) -> None:
    files = {"a/1.png": encoded(picture(1), "BMP"), "a/2.JPG": encoded(picture(1), "JPEG"), "b/3": PNG}
    source, decoded = read(write_folder(tmp_path / "scans", files))
    assert len(decoded) == 3
    assert kinds(source) == {"a/1.png": Kind.WRONG_EXTENSION}
    assert detail(source, "a/1.png") == "named .png, is bmp; used as what it is"


def test_too_many_pixels_are_oversized(tmp_path: Path) -> None:
    png = encoded(np.zeros((8, 8), dtype=np.uint8))
    stated = b"IHDR" + (30_000).to_bytes(4, "big") * 2 + png[24:29]
    huge = png[:12] + stated + zlib.crc32(stated).to_bytes(4, "big") + png[33:]
    source, decoded = read(write_folder(tmp_path / "scans", {"a/huge.png": huge, "b/1.png": PNG}))
    assert len(decoded) == 1
    assert kinds(source) == {"a/huge.png": Kind.OVERSIZED}


def test_too_many_bytes_are_not_even_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "scans", {"a/1.png": PNG})
    with (folder / "a/huge.png").open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert kinds(read(folder)[0]) == {"a/huge.png": Kind.OVERSIZED}


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = write_folder(tmp_path / "outside", {"secret.png": PNG})
    folder = write_folder(tmp_path / "scans", {"a/1.png": PNG})
    (folder / "a/link.png").symlink_to(outside / "secret.png")
    source, decoded = read(folder)
    assert [one.place.name for one in decoded] == ["a/1.png"]
    assert "a link or a special file" in detail(source, "a/link.png")


def test_a_broken_member_costs_only_itself(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "scans.zip", classes_of(2))
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("a/1.png")
    data = bytearray(path.read_bytes())
    data[info.header_offset + 30 + len("a/1.png") + 20] ^= 0xFF
    path.write_bytes(data)
    source, decoded = read(path)
    assert len(decoded) == 3
    assert kinds(source) == {"a/1.png": Kind.BROKEN}


@pytest.mark.parametrize("data", [b"", b"plain text"])
def test_refuses_a_file_that_is_no_collection(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "scans").write_bytes(data)
    with pytest.raises(BadDataset, match="neither a folder nor a zip of class folders"):
        read(tmp_path / "scans")


def test_what_is_only_called_a_zip_is_told_as_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "scans.zip").write_bytes(b"plain text")
    with pytest.raises(BadArchive, match=r"scans\.zip: not a zip that can be read"):
        read(tmp_path / "scans.zip")


def test_refuses_a_zip_that_leaves_its_folder(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="leads out of the folder"):
        read(write_zip(tmp_path / "scans.zip", {"../a/1.png": PNG}))


def test_refuses_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match=r"scans.zip: no such file or folder"):
        read(tmp_path / "scans.zip")


def test_arrays_are_told_by_their_content(tmp_path: Path) -> None:
    images = np.stack([picture(seed) for seed in range(4)])
    np.savez(
        tmp_path / "a.npz", train_images=images[:3], train_labels=[0, 1, 0], test_images=images[3:], test_labels=[1]
    )
    (tmp_path / "a.npz").rename(tmp_path / "upload")
    source, decoded = read(tmp_path / "upload")
    assert (source.kind, source.n_files) == ("npz", 4)
    assert [(one.place.label, one.place.split) for one in decoded] == [
        ("0", "train"),
        ("1", "train"),
        ("0", "train"),
        ("1", "test"),
    ]
    np.testing.assert_array_equal(decoded[3].image.levels[..., 0], images[3])


def test_an_array_of_another_kind_is_named(tmp_path: Path) -> None:
    images = np.stack([picture(seed) for seed in range(2)])
    np.savez(tmp_path / "a.npz", images=images, labels=[0, 1], weights=np.ones(3))
    source, _ = read(tmp_path / "a.npz")
    assert kinds(source) == {"weights": Kind.IGNORED}
    assert source.n_files == 3
