import multiprocessing
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import DamagedStore, UnknownItem
from datasets.ragged import RaggedReader, RaggedWriter, new_levels_file

SHAPES = [(8, 8, 1), (9, 31, 3), (120, 90, 1), (8, 8, 1)]


def images() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, shape).astype(np.uint8) for shape in SHAPES]


def write(path: Path, pictures: list[np.ndarray], *, bits: int = 8) -> Path:
    with new_levels_file(path) as file:
        writer = RaggedWriter(file)
        for picture in pictures:
            writer.append(picture, bits)
        writer.finish()
    return path


def test_gives_back_every_image_whatever_its_shape(tmp_path: Path) -> None:
    reader = RaggedReader(write(tmp_path / "a.h5", images()))
    assert len(reader) == len(SHAPES)
    for row, picture in enumerate(images()):
        np.testing.assert_array_equal(reader[row], picture)
        assert reader[row].dtype == np.uint8


def test_keeps_all_levels_of_a_deep_image_beside_shallow_ones(tmp_path: Path) -> None:
    deep = np.array([[[65535], [0]], [[4095], [256]]], dtype=np.uint16)
    with new_levels_file(tmp_path / "a.h5") as file:
        writer = RaggedWriter(file)
        writer.append(images()[0], 8)
        writer.append(deep, 16)
        writer.append(images()[1], 8)
        writer.finish()
    reader = RaggedReader(tmp_path / "a.h5")
    assert reader.bits().tolist() == [8, 16, 8]
    np.testing.assert_array_equal(reader[1], deep)
    np.testing.assert_array_equal(reader[2], images()[1])


def test_a_repeated_image_is_stored_once(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 1)).astype(np.uint8)
    with new_levels_file(tmp_path / "a.h5") as file:
        writer = RaggedWriter(file)
        writer.append(picture, 8)
        for _ in range(50):
            writer.repeat(0)
        writer.finish()
        assert file["levels/uint8"].shape == (64 * 64,)
    np.testing.assert_array_equal(RaggedReader(tmp_path / "a.h5")[50], picture)


def test_the_same_calls_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.h5", images() * 30), write(tmp_path / "b.h5", images() * 30)
    assert first.read_bytes() == second.read_bytes()


def test_one_image_is_one_chunk_where_all_have_one_size(tmp_path: Path) -> None:
    pictures = [np.full((80, 80, 1), n, dtype=np.uint8) for n in range(5)]
    write(tmp_path / "a.h5", pictures)
    with RaggedReader(tmp_path / "a.h5")._file().file as file:
        assert file["levels/uint8"].chunks == (6400,)


def test_an_image_may_be_changed_after_it_was_handed_over(tmp_path: Path) -> None:
    picture = np.ones((8, 8, 1), dtype=np.uint8)
    with new_levels_file(tmp_path / "a.h5") as file:
        writer = RaggedWriter(file)
        writer.append(picture, 8)
        picture[:] = 9
        writer.finish()
    assert RaggedReader(tmp_path / "a.h5")[0].max() == 1


def test_no_image_at_all_is_a_whole_file(tmp_path: Path) -> None:
    assert len(RaggedReader(write(tmp_path / "a.h5", []))) == 0


# From Python 3.12 on a fork beside any other thread warns; the child of this test only reads.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_open_reader_works_in_another_process(tmp_path: Path, method: str) -> None:
    reader = RaggedReader(write(tmp_path / "a.h5", images()))
    expected = int(reader[2].sum())
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    child = context.Process(target=_total_of, args=(reader, queue))
    child.start()
    child.join(60)
    assert queue.get() == expected
    assert int(reader[2].sum()) == expected


def test_a_pickled_reader_opens_the_file_again(tmp_path: Path) -> None:
    reader = RaggedReader(write(tmp_path / "a.h5", images()))
    assert len(reader) == len(pickle.loads(pickle.dumps(reader)))  # noqa: S301 - our own bytes.


def test_refuses_a_row_that_is_not_there(tmp_path: Path) -> None:
    reader = RaggedReader(write(tmp_path / "a.h5", images()))
    for row in (-1, 4):
        with pytest.raises(UnknownItem, match=f"no image {row}; use 0 to 3"):
            reader[row]


def test_says_what_to_do_about_a_file_that_is_cut_short(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", images())
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DamagedStore, match="from its source"):
        RaggedReader(path)[0]


def test_says_which_array_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DamagedStore, match="the array columns/eps cannot be read"):
        RaggedReader(write(tmp_path / "a.h5", images())).column("columns/eps")


def _total_of(reader: RaggedReader, queue: "multiprocessing.queues.SimpleQueue[int]") -> None:
    total = int(reader[2].sum())
    opened = reader._opened
    queue.put(total if opened is not None and opened.pid == os.getpid() else -1)
