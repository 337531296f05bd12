"""A classifier as a folder: weights in safetensors, all else in JSON, both under one content id."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from datasets.atomic import content_id, read_json, replacing_folder, sha256_file, write_json
from pipeline.errors import BadClassifier
from pipeline.models.adapter import PixelModel
from pipeline.models.device import chosen_device
from pipeline.models.fitting import model_with
from pipeline.models.spec import ClassifierSpec
from pipeline.provenance.record import checked

WEIGHTS_FILE = "weights.safetensors"
JSON_FILE = "classifier.json"

_FORMAT = 1


@dataclass(frozen=True)
class Classifier:
    """A classifier on disk. `parents` are ids, such as its data set's; `notes` says how it came about."""

    id: str
    name: str
    folder: Path
    spec: ClassifierSpec
    weights_sha256: str
    parents: tuple[str, ...] = ()
    notes: Mapping[str, object] = field(default_factory=dict)


def save_classifier(
    model: PixelModel,
    root: Path,
    *,
    name: str,
    parents: Sequence[str] = (),
    notes: Mapping[str, object] | None = None,
) -> Classifier:
    """Write a classifier to `root/<id>`, whole or not at all.

    The id is a hash of weights and specification. Where the same classifier lies there already,
    that one is given back, under its first name.

    Args:
        model: its network's state is written, on any device.
        root: the folder of all classifiers.
        name: for people.
        parents: ids of what it was made from.
        notes: JSON values on how it was made, such as settings and history.
    """
    weights = save({key: value.detach().cpu().contiguous() for key, value in model.network.state_dict().items()})
    digest = hashlib.sha256(weights).hexdigest()
    classifier_id = content_id({"spec": model.spec.to_json(), "weights": digest})
    folder = root / classifier_id
    if not folder.exists():
        with replacing_folder(folder) as incoming:
            (incoming / WEIGHTS_FILE).write_bytes(weights)
            described = {
                "format": _FORMAT,
                "id": classifier_id,
                "name": name,
                "spec": model.spec.to_json(),
                "weights_sha256": digest,
                "parents": list(parents),
                "notes": dict(notes or {}),
            }
            write_json(incoming / JSON_FILE, described)
    return open_classifier(folder)


def open_classifier(folder: Path) -> Classifier:
    """The classifier of a folder, proven to be as it was written.

    Raises:
        BadClassifier: a file is missing, unreadable, or not the one that the id was made from.
        BrokenHistory: its history is not whole, or it is not what its history says.
    """
    try:
        described = read_json(folder / JSON_FILE)
        digest = sha256_file(folder / WEIGHTS_FILE)
    except (OSError, ValueError) as e:
        raise BadClassifier(f"{folder.name}: not a classifier's folder: {e}; import or train it again") from e
    if not isinstance(described, dict) or described.get("format") != _FORMAT:
        raise BadClassifier(f"{folder.name}: {JSON_FILE} is not of format {_FORMAT}; import or train it again")
    spec = ClassifierSpec.from_json(described.get("spec"))
    expected = content_id({"spec": spec.to_json(), "weights": digest})
    if not digest == described.get("weights_sha256") or not expected == described.get("id"):
        raise BadClassifier(
            f"{folder.name}: weights of SHA-256 {digest[:16]}… and specification make the id {expected}, "
            f"{described.get('id')} is written there; the folder was changed, import or train it again"
        )
    checked(folder)
    return Classifier(
        id=expected,
        name=str(described["name"]),
        folder=folder,
        spec=spec,
        weights_sha256=digest,
        parents=tuple(described["parents"]),
        notes=described["notes"],
    )


def load_model(classifier: Classifier, device: str = "cpu") -> PixelModel:
    """The classifier in evaluation mode on a device, by a name that `chosen_device` takes.

    Raises:
        BadClassifier: its weights do not fit its specification.
        BadDevice: there is no such device here.
    """
    where = chosen_device(device)
    return model_with(classifier.spec, read_weights(classifier.folder / WEIGHTS_FILE)).to(where)


def read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        BadClassifier: it is not a whole safetensors file.
    """
    try:
        return load_file(file)
    except (OSError, SafetensorError) as e:
        raise BadClassifier(f"{file.name} is not a whole safetensors file: {e}; export it again") from e
