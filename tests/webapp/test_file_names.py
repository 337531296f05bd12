"""What a sender calls a file, made fit for a page and a folder."""

import pytest

from webapp.file_names import called, shown_name


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\may.zip", "may.zip"),
        ("..", "unnamed"),
        (".", "unnamed"),
        (None, "unnamed"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("\u8111" * 120 + ".zip", "\u8111" * 78 + ".zip"),
        ("a" * 300 + ".zip", "a" * 116 + ".zip"),
    ],
)
def test_a_name_is_its_last_part_and_fits_a_folder(sent, shown):
    assert shown_name(sent) == shown


def test_a_stored_file_is_read_under_its_senders_name(tmp_path):
    stored = tmp_path / "0a1b.zip"
    stored.write_bytes(b"bytes")
    with called(stored, "../Scans of May.zip") as file:
        assert file.name == "Scans of May.zip"
        assert file.read_bytes() == b"bytes"
    assert not file.parent.exists()
    assert stored.exists()
    with called(stored, None) as file:
        assert file == stored
