"""Clean scans without labels, imported for calibration alone."""

from pathlib import Path

import numpy as np
import pytest

from datasets import trial
from datasets.errors import BadArrays, BadDataset
from datasets.importing import import_dataset
from datasets.splits import CALIBRATION, DROPPED, SPLITS, Shares
from datasets.store import Dataset
from datasets.trial import SMALL, try_import
from datasets.unlabelled import UNLABELLED, WAY_OUT, check_labelled, is_unlabelled, unlabelled_places
from tests.datasets.dicom_files import dicom_bytes
from tests.datasets.scan_files import classes_of, encoded, picture, write_folder, write_zip

N = 6


def scans(*folders: str) -> dict[str, bytes]:
    """Some pictures, dealt to these folders in turn."""
    return {f"{folders[i % len(folders)]}{i}.png": encoded(picture(i)) for i in range(N)}


def imported(tmp_path: Path, files: dict[str, bytes], **options: object) -> Dataset:
    source = write_zip(tmp_path / "scans.zip", files)
    return import_dataset(source, tmp_path / "root", name="scans", unlabelled=True, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "folders",
    [("",), ("day/",), ("a/", "b/"), ("", "a/", "a/b/"), ("Training/a/", "Testing/a/"), ("test/", "val/", "misc/")],
    ids=["flat", "one folder", "class folders", "mixed", "splits of classes", "splits"],
)
def test_scans_of_any_layout_calibrate_in_one_class(tmp_path: Path, folders: tuple[str, ...]) -> None:
    files = scans(*folders)
    dataset = imported(tmp_path, files)
    assert dataset.classes == (UNLABELLED,)
    assert {item.name for item in dataset.items} == set(files)
    assert {item.split for item in dataset.items} == {CALIBRATION}
    assert dataset.counts() == {split: [N if split == CALIBRATION else 0] for split in (*SPLITS, DROPPED)}
    assert dataset.report()["n_by_kind"] == {}
    for i, item in enumerate(dataset.items):
        number = int(item.name.split("/")[-1].removesuffix(".png"))
        np.testing.assert_array_equal(dataset.levels(i)[..., 0], picture(number))


def test_a_folder_is_as_good_as_a_zip(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "scans", scans(""))
    assert len(import_dataset(source, tmp_path / "root", name="scans", unlabelled=True)) == N


def test_a_single_scan_is_enough_to_be_imported(tmp_path: Path) -> None:
    assert len(imported(tmp_path, {"1.png": encoded(picture(1))})) == 1


def test_dicom_without_an_extension_comes_in(tmp_path: Path) -> None:
    levels = picture(3).astype(np.uint16)
    dataset = imported(tmp_path, {"IM0001": dicom_bytes(levels), "IM0002.png": encoded(picture(4))})
    np.testing.assert_array_equal(dataset.levels(0)[..., 0], levels)


def test_the_same_pictures_with_labels_are_another_data_set(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "scans.zip", classes_of(N))
    labelled = import_dataset(source, tmp_path / "root", name="scans")
    without = import_dataset(source, tmp_path / "root", name="scans", unlabelled=True)
    assert labelled.id != without.id
    assert {path.name for path in (tmp_path / "root").iterdir()} == {labelled.id, without.id}
    assert set(labelled.source) == {"kind", "name", "seed", "shares"}
    assert without.source == {"kind": "zip", "name": "scans.zip"}


def test_a_seed_changes_nothing_where_nothing_is_divided(tmp_path: Path) -> None:
    assert imported(tmp_path, scans(""), seed=1).id == imported(tmp_path, scans(""), seed=2).id


def test_copies_are_grouped_and_stay_whatever_their_folders_say(tmp_path: Path) -> None:
    files = {
        "Training/a/1.png": encoded(picture(1, side=96)),
        "Testing/b/copy.png": encoded(picture(1, side=96)),
        "Testing/a/near.jpg": encoded(picture(1, side=96), "JPEG", quality=90),
        "Testing/a/2.png": encoded(picture(2, side=96)),
    }
    dataset = imported(tmp_path, files)
    assert dataset.report()["n_by_kind"] == {"exact_duplicate": 1, "near_duplicate": 1}
    groups = {item.name: item.group for item in dataset.items}
    assert len({groups[name] for name in files if not name.endswith("2.png")}) == 1
    assert len(set(groups.values())) == 2
    assert {item.split for item in dataset.items} == {CALIBRATION}


def test_every_file_that_is_no_scan_is_named(tmp_path: Path) -> None:
    files = scans("") | {"README.txt": b"hello", "empty.png": b"", "a/cut.png": encoded(picture(9))[:40]}
    found = imported(tmp_path, files).report()
    assert (found["n_files"], found["n_items"], found["n_left_out"]) == (N + 3, N, 3)
    assert found["n_by_kind"] == {"unsupported": 1, "empty": 1, "broken": 1}


@pytest.mark.parametrize("arrays", [{}, {"labels": np.arange(N)}, {"labels": np.array(list("abc"))}])
def test_arrays_need_no_labels_and_theirs_are_not_read(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    source, images = tmp_path / "scans.npz", np.stack([picture(i) for i in range(N)])
    np.savez(source, train_images=images, test_x=images[:1] // 2, **{f"train_{name}": a for name, a in arrays.items()})
    dataset = import_dataset(source, tmp_path / "root", name="scans", unlabelled=True)
    assert (dataset.classes, len(dataset)) == ((UNLABELLED,), N + 1)
    assert {item.split for item in dataset.items} == {CALIBRATION}
    assert dataset.report()["n_by_kind"] == {}
    np.testing.assert_array_equal(np.stack(dataset.batch(range(N)))[..., 0], images)


def test_labels_alone_are_no_scans(tmp_path: Path) -> None:
    source = tmp_path / "scans.npz"
    np.savez(source, labels=np.arange(N))
    with pytest.raises(BadArrays, match="no images beside labels"):
        import_dataset(source, tmp_path / "root", name="scans", unlabelled=True)


def test_shares_are_refused_where_nothing_is_divided(tmp_path: Path) -> None:
    with pytest.raises(BadDataset, match="shares for unlabelled scans, which are not divided"):
        imported(tmp_path, scans(""), shares=Shares())


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no usable image in 0 files, expected clean scans"),
        ({"1.png": b""}, "no usable image in 1 file, expected clean scans; 1.png: 0 bytes"),
    ],
)
def test_no_scan_at_all_is_refused(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    with pytest.raises(BadDataset, match=f"scans.zip: {says}"):
        imported(tmp_path, files)
    assert list((tmp_path / "root").iterdir()) == []


def test_what_is_neither_folder_nor_archive_says_what_to_send(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(encoded(picture(1)))
    with pytest.raises(BadDataset, match="put the scans in a folder and zip it"):
        import_dataset(tmp_path / "scan.png", tmp_path / "root", name="scans", unlabelled=True)


@pytest.mark.parametrize(("folders", "says"), [(("",), "0 usable images of 0 classes"), (("a/",), "images of 1 class")])
def test_with_labels_asked_for_the_refusal_says_this_way_out(tmp_path: Path, folders: tuple[str], says: str) -> None:
    source = write_zip(tmp_path / "scans.zip", scans(*folders))
    with pytest.raises(BadDataset, match=rf"{says}.*import clean scans as unlabelled \(--unlabelled"):
        import_dataset(source, tmp_path / "root", name="scans")


def test_images_that_cannot_be_read_are_helped_by_no_other_import(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "scans.zip", {"a/1.png": b"", "b/1.png": b"text"})
    with pytest.raises(BadDataset) as refused:
        import_dataset(source, tmp_path / "root", name="scans")
    assert WAY_OUT not in str(refused.value)


def test_arrays_without_labels_say_this_way_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "scans.npz", images=np.stack([picture(1)]))
    with pytest.raises(BadArrays, match=r"no labels beside images; .* import clean scans as unlabelled"):
        import_dataset(tmp_path / "scans.npz", tmp_path / "root", name="scans")


def test_a_large_source_is_tried_by_its_first_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_needed(*arguments: object, **options: object) -> None:
        raise AssertionError("imported for trial")

    monkeypatch.setattr(trial, "import_dataset", not_needed)
    flat = write_zip(tmp_path / "flat.zip", {f"{i}.png": encoded(picture(i)) for i in range(SMALL + 1)})
    try_import(flat, unlabelled=True)
    with pytest.raises(BadDataset, match=rf"usable images of 0 classes \(none\) in {SMALL + 1} files.*unlabelled"):
        try_import(flat)
    one = write_zip(tmp_path / "one.zip", {f"a/{i}.png": encoded(picture(i)) for i in range(SMALL + 1)})
    with pytest.raises(BadDataset, match=r"usable images of 1 classes \(a\).*import clean scans as unlabelled"):
        try_import(one)
    broken = write_zip(tmp_path / "broken.zip", {f"a/{i}.png": b"\x89PNG\r\n\x1a\n" for i in range(SMALL + 1)})
    with pytest.raises(BadDataset, match=r"broken.zip: no usable image in 65 files, expected clean scans\."):
        try_import(broken, unlabelled=True)
    with pytest.raises(BadDataset, match=r"each a folder of images\.$"):
        try_import(broken)


def test_a_small_source_is_imported_for_trial(tmp_path: Path) -> None:
    try_import(write_zip(tmp_path / "flat.zip", scans("")), unlabelled=True)
    with pytest.raises(BadDataset, match="no usable image in 1 file"):
        try_import(write_zip(tmp_path / "none.zip", {"1.png": b"text"}), unlabelled=True)


def test_places_are_those_asked_for_in_their_order() -> None:
    found = unlabelled_places(["b/2.png", "1.png", "train/a/3.png"])
    assert [(place.name, place.label, place.split) for place in found] == [
        ("b/2.png", UNLABELLED, None),
        ("1.png", UNLABELLED, None),
        ("train/a/3.png", UNLABELLED, None),
    ]


def test_only_scans_without_labels_are_kept_from_what_needs_them() -> None:
    check_labelled("scans", ("a", UNLABELLED))
    assert is_unlabelled([UNLABELLED])
    with pytest.raises(BadDataset, match=r"scanner-b: its scans have no labels .* recalibrate a detector on them, or"):
        check_labelled("scanner-b", [UNLABELLED])
