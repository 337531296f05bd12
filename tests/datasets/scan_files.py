"""Small folders of picture files for the tests of the import."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image as Picture


def picture(seed: int, *, side: int = 12) -> np.ndarray:
    """A picture (side, side) that resembles no other: smooth at 64 pixels and more, so that it survives JPEG."""
    rng = np.random.default_rng(seed)
    coarse = Picture.fromarray(rng.integers(0, 256, (8, 8)).astype(np.uint8))
    return np.asarray(coarse.resize((side, side), Picture.Resampling.BICUBIC))


def encoded(levels: np.ndarray, file_type: str = "PNG", **options: int) -> bytes:
    """The bytes of a file of one type."""
    written = io.BytesIO()
    Picture.fromarray(levels).save(written, format=file_type, **options)
    return written.getvalue()


def classes_of(n_per_class: int, *, side: int = 12, prefix: str = "") -> dict[str, bytes]:
    """Files of two classes by name."""
    return {
        f"{prefix}{label}/{number}.png": encoded(picture(1000 * (label == "b") + number, side=side))
        for label in ("a", "b")
        for number in range(n_per_class)
    }


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    """Write files into a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
