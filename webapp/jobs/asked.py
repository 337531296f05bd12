"""What the parameters of a job ask for, held against what is on disk; known without torch."""

from typing import Any

from datasets.atomic import read_json
from datasets.unlabelled import check_labelled
from pipeline.artefacts import DataRoot
from pipeline.gate.rates import checked_rates
from pipeline.models.spec import ClassifierSpec
from webapp.config import Settings
from webapp.jobs.registry import Params


def spec_asked(settings: Settings, params: Params) -> ClassifierSpec:
    """The classifier that an import asks for; one number stands for every channel, 0 and 1 where none is given.

    Raises:
        BadClassifier: a value that no classifier can have.
        BadDataset: the data set has no labels.
        UnknownArtefact: the data set is gone.
    """
    side, channels = params.get("side", 224), params.get("channels", 1)
    classes = classes_asked(settings, params)
    return ClassifierSpec(
        architecture=params["architecture"],
        channels=channels,
        height=side,
        width=side,
        classes=classes,
        mean=(float(params.get("mean", 0.0)),) * channels,
        std=(float(params.get("std", 1.0)),) * channels,
        head=params.get("head", "logits"),
    )


def classes_asked(settings: Settings, params: Params) -> tuple[str, ...]:
    """The classes of the data set that a job is to learn from or to be judged on.

    Raises:
        BadDataset: it has no labels.
        UnknownArtefact: it is gone.
    """
    described: Any = read_json(DataRoot(settings.data_root).find("datasets", params["dataset_id"]) / "manifest.json")
    check_labelled(described["name"], described["classes"])
    return tuple(described["classes"])


def check_rates(settings: Settings, params: Params) -> None:
    """Refuse rates of a gate that are out of range, or that the calibration scans of the detector cannot support.

    Raises:
        NotEnoughClean: names the rate that they do support.
        BadRate: the second rate is below the first, or above one half.
        UnknownArtefact: the detector is gone.
    """
    described: Any = read_json(DataRoot(settings.data_root).find("detectors", params["detector_id"]) / "detector.json")
    checked_rates(len(described["calibration"]), params.get("alpha", 0.01), params.get("alpha_uncertain"))
