import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from datasets.atomic import canonical_json
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.chain import (
    HISTORY,
    PAYLOAD_TYPE,
    STATEMENT,
    append_event,
    read_history,
    set_aside,
)
from pipeline.provenance.event import FIRST, Event, EventKind
from pipeline.provenance.signing import PUBLIC, Envelope, opened, signing_key, verifying_key
from tests.pipeline.provenance.small import items_of, pictures, written

WHAT = {"manifest": "ab" * 32}


@pytest.fixture
def folder(root: DataRoot) -> Path:
    folder = root.models / "a1"
    folder.mkdir()
    for kind in (EventKind.WEIGHTS, EventKind.TRUST, EventKind.RELEASE):
        append_event(folder, root, kind, by="ann", what={**WHAT, "seed": 3, "nested": {"z": [1, 2.5, "ä"]}})
    return folder


def lines_of(folder: Path) -> list[bytes]:
    return (folder / HISTORY).read_bytes().splitlines()


def rewrite(folder: Path, lines: list[bytes]) -> None:
    (folder / HISTORY).write_bytes(b"\n".join(lines) + b"\n")


def test_each_event_names_the_one_before(root: DataRoot, folder: Path) -> None:
    events = read_history(folder, root)
    assert [event.seq for event in events] == [1, 2, 3]
    assert [event.previous for event in events] == [FIRST, events[0].sha256, events[1].sha256]
    assert [event.kind for event in events] == ["weights", "trust", "release"]
    assert {event.subject for event in events} == {"models/a1"}
    assert events[0].what["nested"] == {"z": [1, 2.5, "ä"]}
    assert events[0].at.endswith("+00:00")


def test_the_last_line_signs_the_newest_event(root: DataRoot, folder: Path) -> None:
    envelope = Envelope.from_json(json.loads(lines_of(folder)[-1]))
    statement = json.loads(opened(envelope, verifying_key(root)))
    newest = read_history(folder, root)[-1]
    assert envelope.payload_type == PAYLOAD_TYPE
    assert statement["_type"] == STATEMENT
    assert {one["name"]: one["digest"]["sha256"] for one in statement["subject"]} == {
        "models/a1/history.jsonl": newest.sha256,
        "models/a1/manifest": newest.manifest,
    }


def test_an_event_comes_back_as_it_was_written() -> None:
    event = Event(seq=1, kind=EventKind.FLIP, at="2026-01-01T00:00:00+00:00", by="b", subject="datasets/d", what=WHAT)
    assert Event.from_json(json.loads(canonical_json(event.to_json()))) == event


def test_nothing_written_is_told_as_made_before(root: DataRoot) -> None:
    (root.models / "old").mkdir()
    with pytest.raises(
        NoHistory,
        match=r"models/old: no history is there: it was removed, or this was made before .* trust old .* starts one",
    ):
        read_history(root.models / "old", root)


def changed(number: int, old: bytes, new: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [line.replace(old, new) if i == number else line for i, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (changed(1, b"ann", b"bob"), r"event 2 \(trust, .*\) was changed"),
        (changed(1, b'"seed":3', b'"seed": 3'), r"event 2 .* was changed"),
        (changed(0, b"{", b""), "event 1 cannot be read"),
        (changed(0, b"weights", b"whatever"), "event 1 cannot be read"),
        (changed(0, b'"manifest"', b'"manifesto"'), "event 1 cannot be read"),
        (lambda lines: [lines[0], lines[2], lines[3]], r"event 2 \(release, .*\) does not follow event 1"),
        (lambda lines: lines[1:], r"event 1 \(trust, .*\) does not follow event 0"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], r"event 1 \(trust, .*\) does not follow"),
        (lambda lines: [*lines[:2], lines[3]], "ends with event 2, signed was event 3: its tail was cut or grown"),
        (lambda lines: [lines[3]], "ends with event 0, signed was event 3"),
        (lambda lines: lines[:3], "the signature is missing"),
        (lambda lines: lines[:1], "the signature is missing"),
        (lambda lines: [], "the signature is missing"),
        (lambda lines: [*lines, b"{}"], "event 4 cannot be read"),
        (changed(3, b'"payloadType"', b' "payloadType"'), "the signature was changed"),
        (changed(3, b"vnd.in-toto", b"vnd.in-bobo"), "the signature is not one of this content"),
    ],
)
def test_the_first_broken_link_is_named(root: DataRoot, folder: Path, tamper, told: str) -> None:
    rewrite(folder, tamper(lines_of(folder)))
    before = (folder / HISTORY).read_bytes()
    with pytest.raises(BrokenHistory, match=rf"models/a1: history.jsonl: .*{told}.*backup.*trust a1 --anew"):
        read_history(folder, root)
    with pytest.raises(BrokenHistory, match=told):
        append_event(folder, root, EventKind.TRUST, by="ann", what=WHAT)
    assert (folder / HISTORY).read_bytes() == before


def test_a_last_line_without_its_end_is_found(root: DataRoot, folder: Path) -> None:
    (folder / HISTORY).write_bytes((folder / HISTORY).read_bytes()[:-1])
    with pytest.raises(BrokenHistory, match="its last line is not whole"):
        read_history(folder, root)


def test_events_chained_anew_lack_the_signature(root: DataRoot, folder: Path) -> None:
    events = list(read_history(folder, root))
    forged = Event(**{**events[2].__dict__, "by": "bob"})
    rewrite(folder, [*lines_of(folder)[:2], canonical_json(forged.to_json()), lines_of(folder)[3]])
    with pytest.raises(BrokenHistory, match="ends with event 3, signed was event 3: its tail was cut or grown"):
        read_history(folder, root)


def test_a_history_of_another_artefact_is_found(root: DataRoot, folder: Path) -> None:
    shutil.copytree(folder, root.models / "b2")
    with pytest.raises(BrokenHistory, match="is about models/a1: the history of something else lies here"):
        read_history(root.models / "b2", root)


def test_the_key_of_another_data_root_is_found(root: DataRoot, folder: Path, tmp_path: Path) -> None:
    other = DataRoot(tmp_path / "other")
    signing_key(other)
    shutil.copy(other.keys / PUBLIC, root.keys / PUBLIC)
    with pytest.raises(BrokenHistory, match=r"signed with key .*, this data root's is"):
        read_history(folder, root)


def test_without_the_public_key_nothing_is_believed(root: DataRoot, folder: Path) -> None:
    (root.keys / PUBLIC).unlink()
    with pytest.raises(BrokenHistory, match="no public key to check signatures with"):
        read_history(folder, root)


def test_what_json_cannot_say_is_refused_and_changes_nothing(root: DataRoot, folder: Path) -> None:
    before = (folder / HISTORY).read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        append_event(folder, root, EventKind.TRUST, by="ann", what={**WHAT, "share": float("nan")})
    assert (folder / HISTORY).read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [HISTORY]


def test_a_history_that_was_set_aside_stays_beside(root: DataRoot, folder: Path) -> None:
    digest = set_aside(folder)
    assert [path.name for path in folder.iterdir()] == [f"history.jsonl.{digest[:16]}"]
    with pytest.raises(BrokenHistory, match=r"history.jsonl was removed, history.jsonl\.\w+ of it is left; .*--anew"):
        read_history(folder, root)
    assert append_event(folder, root, EventKind.TRUST, by="ann", what=WHAT).seq == 1


def test_several_who_write_at_once_lose_nothing(root: DataRoot, folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: append_event(folder, root, EventKind.TRUST, by="many", what=WHAT), range(16)))
    assert len(read_history(folder, root)) == 3 + 16


def test_importing_again_keeps_the_history(root: DataRoot, dataset: Dataset) -> None:
    written(root, pictures(6), items_of(pictures(6)))
    assert [event.kind for event in read_history(dataset.folder, root)] == ["import"]
