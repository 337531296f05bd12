"""`attack` on the command line keeps the kind of file, its depth and what its numbers mean."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from pydicom import dcmread

from datasets.decoding import decode
from datasets.encoding import encode
from datasets.image import with_bits
from pipeline.cli.main import main
from pipeline.gate.decision import Verdict
from pipeline.models.files import load_model
from pipeline.models.prediction import predict
from tests.fixtures.gate import TinyChain


@pytest.fixture(scope="module")
def scan(tiny_chain: TinyChain) -> np.ndarray:
    """A scan that the classifier has an opinion of, larger than what it takes, as 8 bits."""
    small = decode(tiny_chain.scan(Verdict.CLEAN)).levels[..., 0]
    return np.asarray(Picture.fromarray(small).resize((75, 61)))[..., None]


@pytest.fixture
def attack(tiny_chain: TinyChain, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Attacks a file; gives the exit status, what was said, and where the result belongs."""

    def run(data: bytes, name: str, out: str, *options: object) -> tuple[int, dict, Path]:
        file, written = tmp_path / name, tmp_path / out
        file.write_bytes(data)
        capsys.readouterr()
        status = main(
            [*map(str, ("attack", file, "--classifier", tiny_chain.classifier.id, "--root", tiny_chain.root.path,
                        "--eps", "24/255", "--out", written, *options)), "--json", "--quiet"]
        )  # fmt: skip
        return status, json.loads(capsys.readouterr().out), written

    return run


def judged(tiny_chain: TinyChain, data: bytes) -> str:
    image = decode(data)
    model = load_model(tiny_chain.classifier)
    return model.spec.classes[predict(model, image.levels, image.bits)]


@pytest.mark.parametrize(
    ("name", "file_format", "bits", "out", "options"),
    [
        ("scan.png", "png", 8, "adv.png", {}),
        ("scan.png", "png", 16, "adv.png", {}),
        ("scan.tif", "tiff", 16, "adv.tif", {}),
        ("scan.dcm", "dicom", 12, "adv.dcm", {}),
        ("scan.dcm", "dicom", 12, "adv.dcm", {"photometric": "MONOCHROME1"}),
        ("scan.dcm", "dicom", 12, "adv.png", {}),
    ],
)
def test_the_written_file_fools_at_the_depth_it_had(
    tiny_chain: TinyChain, scan: np.ndarray, attack, name: str, file_format: str, bits: int, out: str, options: dict
) -> None:
    levels = with_bits(scan, 8, bits)
    status, said, written = attack(encode(levels, bits, file_format, **options), name, out)
    image = decode(written.read_bytes())
    assert (status, said["success"], image.bits, said["bits"]) == (0, True, bits, bits)
    assert judged(tiny_chain, written.read_bytes()) == said["after"] != said["before"]
    change = np.abs(image.levels.astype(int) - levels).max()
    assert 0 < change <= 24 / 255 * ((1 << bits) - 1)
    if out.endswith(".dcm"):
        assert dcmread(io.BytesIO(written.read_bytes())).PhotometricInterpretation == options.get(
            "photometric", "MONOCHROME2"
        )


@pytest.mark.parametrize(("name", "file_format", "bits"), [("scan.png", "png", 8), ("scan.dcm", "dicom", 12)])
def test_a_jpeg_is_attacked_through(
    tiny_chain: TinyChain, scan: np.ndarray, attack, name: str, file_format: str, bits: int
) -> None:
    data = encode(with_bits(scan, 8, bits), bits, file_format)
    status, said, written = attack(data, name, "adv.jpg", "--jpeg-quality", 75)
    assert (status, said["success"], said["bits"]) == (0, True, 8)
    assert decode(written.read_bytes()).file_type == "jpeg"
    assert judged(tiny_chain, written.read_bytes()) == said["after"] != said["before"]


@pytest.mark.parametrize(
    ("bits", "out", "options", "message"),
    [
        (8, "adv.jpg", [], "adv.jpg is no lossless file; say how much it keeps, as --jpeg-quality 90"),
        (8, "adv.png", ["--jpeg-quality", 90], "quality 90 for a PNG, which loses nothing"),
        (8, "adv.gif", [], "adv.gif: the suffix '.gif' is none of a format that can be written; use .png"),
        (10, "adv.tif", [], "grey of 10 bits cannot be written as TIFF, which holds 8, 12, 16; write it as PNG or"),
    ],
)
def test_what_cannot_be_written_is_refused(
    scan: np.ndarray, attack, bits: int, out: str, options: list[object], message: str
) -> None:
    status, said, written = attack(encode(with_bits(scan, 8, bits), bits, "dicom"), "scan.dcm", out, *options)
    assert (status, said["error"]) == (1, "BadImage")
    assert message in said["detail"]
    assert not written.exists()
