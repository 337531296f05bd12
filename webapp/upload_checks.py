"""What an upload shows before a job is made of it: quickly, without torch, without decoding or running anything.

What needs every image decoded, or a state dict read in the jail, is left to the job.
"""

from pathlib import Path

from datasets.archive import open_archive
from datasets.arrays import arrays_kind
from datasets.errors import BadDataset
from datasets.layout import places
from pipeline.errors import RefusedFormat
from pipeline.models.spec import ClassifierSpec
from webapp.weight_checks import check_saved, check_tensors

_ZIP_MAGIC = b"PK"

ACCEPTED = "give a .safetensors file, or a state dict saved with torch.save as .pt or .pth"
CHECKS = {".safetensors": check_tensors, ".pt": check_saved, ".pth": check_saved}
"""Formats of weights that a job can read, each with its check."""

_PICKLED = "a pickled object can run any code when it is read"
_REFUSED = {
    ".pt2": "an exported program brings its own code",
    ".pkl": _PICKLED,
    ".pickle": _PICKLED,
    ".joblib": _PICKLED,
}


def check_dataset(source: Path) -> None:
    """Refuse what cannot become a data set, as far as its kind, a zip's directory and the names tell.

    Raises:
        BadArchive: a zip that cannot be opened safely.
        BadDataset: no data set at all, one class or one image.
    """
    if arrays_kind(source):
        return
    if source.is_dir():
        _check_places(source.name, [p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file()])
        return
    with source.open("rb") as file:
        is_zip = file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
    # A file that is only called a zip is told as one that is broken.
    if is_zip or source.suffix.lower() == ".zip":
        with open_archive(source) as archive:
            _check_places(source.name, list(archive.names()))
        return
    raise BadDataset(
        f"{source.name}: neither a zip of class folders nor arrays (.npz, .h5, MNIST IDX); "
        "put the images of each class in a folder of its name and zip these folders."
    )


def check_weights(file: Path, spec: ClassifierSpec) -> None:
    """Refuse what cannot become this classifier, as far as names, shapes and members of the file tell.

    Raises:
        RefusedFormat: a format that is not read, or one that brings code.
        BadClassifier: a broken file, or weights of another architecture, class count, or with NaN.
    """
    suffix = file.suffix.lower()
    if suffix not in CHECKS:
        raise RefusedFormat(f"{file.name}: {_REFUSED.get(suffix, 'this format is not read')}; {ACCEPTED}")
    CHECKS[suffix](file, spec)


def _check_places(source: str, names: list[str]) -> None:
    placed = [place for place in places(sorted(names)) if place.label]
    labels = sorted({place.label for place in placed})
    if len(labels) < 2:
        raise BadDataset(
            f"{source}: {len(placed)} files in {len(labels)} class folders ({', '.join(labels[:3]) or 'none'}), "
            "expected at least 2 classes, each a folder of images."
        )
