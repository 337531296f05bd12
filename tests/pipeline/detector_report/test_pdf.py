"""The report on paper: its words, its pages, and that nothing else gets into the file."""

import re
import zlib
from base64 import a85decode

import numpy as np
import pytest

from datasets.image import encode_png
from pipeline.detector_report.document import document, told
from pipeline.detector_report.pdf import pdf
from pipeline.detector_report.scans import Shown
from tests.pipeline.detector_report.reports import adaptive, older, static


def shown(picture):
    png = encode_png(np.full((8, 8, 1), 90, np.uint8), 8)
    return Shown(png, png, png)


def printed(static_facts=None, *, name="tiny", runs=(), show=shown):
    return pdf(document(told(name, static_facts or static(), runs)), show)


def text_of(data):
    """What the pages say: each line of text is a string in a compressed stream, letter for letter."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.S):
        try:
            page = zlib.decompress(a85decode(stream.strip().removesuffix(b"~>")))
        except (ValueError, zlib.error):
            continue
        found += [line.replace(rb"\(", b"(").replace(rb"\)", b")") for line in re.findall(rb"\((.*?)\) Tj", page)]
    letters = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), b" ".join(found))
    return letters.decode("cp1252")


def n_pages(data):
    return len(re.findall(rb"/Type /Page\b", data))


@pytest.fixture(scope="module")
def whole():
    return printed(runs=[adaptive()])


def test_the_same_content_makes_the_same_bytes(whole):
    assert whole.startswith(b"%PDF-")
    assert whole == printed(runs=[adaptive()])
    assert whole != printed(runs=[adaptive(best=0.8)])


def test_every_page_has_its_number_the_detector_and_the_statement(whole):
    text, n = text_of(whole), n_pages(whole)
    assert n > 1
    assert all(f"Page {k} of {n}" in text for k in range(1, n + 1))
    assert text.count("Research use; no medical device.") >= n
    assert text.count("Detector d1") >= n


def test_hashes_ids_and_limits_are_printed(whole):
    text = text_of(whole)
    for said in ("NIST AI 100-2e2025", "NISTAML.022", "AML.T0015", "c5c5c5c5", "Limits, in plain words", "90.0%"):
        assert said in text, said


def test_what_was_never_measured_is_printed_too():
    assert "No adaptive attack has been measured" in text_of(printed())


def test_an_older_report_is_printed_with_what_it_lacks():
    assert "of an older form and lacks" in text_of(printed(older()))


def test_pictures_are_in_it_and_a_missing_one_is_named():
    assert printed().count(b"/Subtype /Image") >= 1
    without = printed(show=lambda picture: None)
    assert b"/Subtype /Image" not in without
    assert "no longer there" in text_of(without)


@pytest.mark.parametrize(
    ("name", "as_printed"),
    [("\u0141\u00f3d\u017a", "?\u00f3dz"), ("\u8133", "?"), ("a\u202eb", "ab"), ("<b>&amp;", "< b > & amp;")],
)
def test_a_name_in_other_letters_is_printed_and_is_no_markup(name, as_printed):
    assert f"Report on the detector {as_printed} " in text_of(printed(name=name))
