"""Every upload that somebody could send by mistake or in malice: a sentence, an exit status, nothing left behind."""

import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.gate.decision import Verdict
from pipeline.models.registry import build, default_spec
from tests.datasets.scan_files import encoded, picture
from tests.fixtures.gate import CLASSES, SIDE, TinyChain


def _left_in(root: Path) -> list[str]:
    """Every file under a data root; its empty folders of kinds are no rest of an upload."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def _png_header(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, with hardly any bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_picture_of_too_many_pixels_is_not_screened(tiny_chain: TinyChain, tmp_path: Path, answer) -> None:
    root = Path(shutil.copytree(tiny_chain.root.path, tmp_path / "data"))
    before = _left_in(root)
    scan = tmp_path / "scan.png"
    scan.write_bytes(_png_header(30_000, 30_000))
    status, decision = answer("screen", scan, "--root", root)
    assert (status, decision["verdict"]) == (4, "not_screened")
    assert "30000x30000 pixels, at most" in decision["reason"]
    assert decision["prediction"] is None
    assert _left_in(root) == before


def test_a_wrong_extension_does_not_matter(tiny_chain: TinyChain, tmp_path: Path, answer) -> None:
    scan = tmp_path / "scan.jpg"
    scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
    status, decision = answer("screen", scan, "--root", tiny_chain.root.path)
    assert (status, decision["verdict"]) == (0, "clean")


def _zipped(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _leads_out(path: Path) -> None:
    _zipped(path, {"a/1.png": encoded(picture(1)), "../../outside.png": encoded(picture(2))})


def _bomb(path: Path) -> None:
    _zipped(path, {"a/1.png": encoded(picture(1)), "b/1.png": bytes(48 << 20)})


def _one_class(path: Path) -> None:
    _zipped(path, {f"a/{k}.png": encoded(picture(k)) for k in range(12)})


def _one_image(path: Path) -> None:
    _zipped(path, {"a/1.png": encoded(picture(1))})


def _no_image(path: Path) -> None:
    _zipped(path, {"a/1.png": b"", "b/1.png": b"text"})


def _no_zip(path: Path) -> None:
    path.write_bytes(b"not a zip")


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (_leads_out, "BadArchive", "a name that leads out of the folder"),
        (_bomb, "BadArchive", "b/1.png"),
        (_one_class, "BadDataset", "of 1 class"),
        (_one_image, "BadDataset", "1 usable image of 1 class"),
        (_no_image, "BadDataset", "0 usable images"),
        (_no_zip, "BadArchive", "upload.zip"),
    ],
)
def test_a_zip_that_is_no_data_set(tmp_path: Path, answer, make: Callable[[Path], None], kind: str, says: str) -> None:
    upload, root = tmp_path / "in" / "upload.zip", tmp_path / "data"
    upload.parent.mkdir()
    make(upload)
    status, said = answer("import-dataset", upload, "--root", root)
    assert (status, said["error"]) == (1, kind)
    assert says in said["detail"]
    assert _left_in(root) == []
    assert list(tmp_path.rglob("*.png")) == []


class _Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return (exec, (f"open({str(self.mark)!r}, 'w').close()",))


def _pickled(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    torch.save({**weights, "more": _Payload(path.with_name("it_ran"))}, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def _of_another_architecture(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    spec = default_spec("resnet18", classes=CLASSES, channels=1, height=SIDE, width=SIDE)
    torch.save(build(spec).state_dict(), path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def _of_more_classes(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    spec = default_spec("SequentialCNN", classes=("a", "b", "c"), channels=1, height=SIDE, width=SIDE)
    torch.save(build(spec).state_dict(), path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def _not_a_number(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    broken = {
        key: torch.full_like(value, torch.nan) if value.is_floating_point() else value for key, value in weights.items()
    }
    save_file(broken, path.with_suffix(".safetensors"))
    return path.with_suffix(".safetensors")


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (_pickled, "RefusedFormat", "a pickled object"),
        (_of_another_architecture, "BadClassifier", "SequentialCNN"),
        (_of_more_classes, "BadClassifier", "3"),
        (_not_a_number, "BadClassifier", "NaN"),
    ],
)
def test_weights_that_are_no_classifier(
    tiny_chain: TinyChain,
    tmp_path: Path,
    answer,
    make: Callable[[Path, dict[str, torch.Tensor]], Path],
    kind: str,
    says: str,
) -> None:
    upload = make(tmp_path / "weights", load_file(tiny_chain.classifier.folder / "weights.safetensors"))
    status, said = answer(
        "import-classifier", upload, "--architecture", "SequentialCNN", "--classes", ",".join(CLASSES),
        "--size", SIDE, "--root", tmp_path / "data",
    )  # fmt: skip
    assert (status, said["error"]) == (1, kind)
    assert says in said["detail"]
    assert not (tmp_path / "it_ran").exists()
    assert _left_in(tmp_path / "data") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["train-classifier", "0000"],
        ["build-adversarial", "0000", "0000"],
        ["train-detector", "0000"],
        ["release", "0000"],
        ["recalibrate", "0000", "0000"],
        ["evaluate", "0000"],
        ["screen", "scan.png", "--gate", "0000"],
        ["evaluate", "../../etc"],
    ],
    ids=" ".join,
)
def test_an_unknown_id(tmp_path: Path, answer, arguments: list[str]) -> None:
    (tmp_path / "data").mkdir()
    status, said = answer(*arguments, "--root", tmp_path / "data")
    assert (status, said["error"]) == (1, "UnknownArtefact")
    assert arguments[-1] in said["detail"]
    assert _left_in(tmp_path / "data") == []
