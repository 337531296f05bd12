"""From an uploaded file to a classifier on disk."""

from collections.abc import Callable
from pathlib import Path

from datasets.atomic import sha256_file
from datasets.telling import telling
from pipeline.artefacts import DataRoot
from pipeline.errors import RefusedFormat
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, save_classifier
from pipeline.models.importers.safetensors_file import read_safetensors
from pipeline.models.importers.state_dict import read_state_dict
from pipeline.models.spec import ClassifierSpec
from pipeline.provenance.event import UNNAMED, EventKind
from pipeline.provenance.record import recorded

Importer = Callable[[Path, ClassifierSpec], PixelModel]

ACCEPTED = (
    "a .safetensors file, or a state dict saved with torch.save as .pt or .pth, with the name of its architecture"
)

# A new format is one module and one entry here.
IMPORTERS: dict[str, Importer] = {
    ".safetensors": read_safetensors,
    ".pt": read_state_dict,
    ".pth": read_state_dict,
}

_PICKLED = "a pickled object can run any code when it is read"

_REFUSED = {
    ".pt2": "an exported program brings its own code",
    ".pkl": _PICKLED,
    ".pickle": _PICKLED,
    ".joblib": _PICKLED,
}


def import_classifier(file: Path, spec: ClassifierSpec, root: Path, *, name: str = "", by: str = UNNAMED) -> Classifier:
    """Read weights, prove that they fit and give numbers, and write the classifier to `root/<id>`.

    Args:
        file: its suffix says the format.
        spec: architecture, input, classes and head; a file of weights says none of these.
        root: the folder of all classifiers, `models` of the data root.
        name: for people; the file's name where empty.
        by: who imports, for the history.

    Raises:
        RefusedFormat: a format that is not read.
        BadClassifier: a broken file, or weights that do not fit the specification.
    """
    model = read_classifier(file, spec)
    notes = {"origin": "imported", "file": file.name}
    classifier = save_classifier(model, root, name=name or file.stem, notes=notes)
    facts = {"file": file.name, "file_sha256": sha256_file(file), "spec": spec.to_json()}
    recorded(classifier.folder, DataRoot(root.parent), EventKind.WEIGHTS, by=by, facts=facts)
    return classifier


def read_classifier(file: Path, spec: ClassifierSpec) -> PixelModel:
    """The classifier whose weights a file holds, in whatever format its suffix says.

    Raises:
        RefusedFormat: a format that is not read, or a file that brings code.
        BadClassifier: a broken file, or weights that do not fit the specification; names the file.
    """
    suffix = file.suffix.lower()
    if suffix not in IMPORTERS:
        reason = _REFUSED.get(suffix, "this format is not read")
        raise RefusedFormat(f"{file.name}: {reason}; give {ACCEPTED}")
    with telling(file.name):
        return IMPORTERS[suffix](file, spec)
