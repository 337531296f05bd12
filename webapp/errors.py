"""What the application refuses, and the one table from a domain error to an HTTP answer.

    ValueError
    +-- WebappError
        +-- BadSetting        an environment variable or setting is out of range
        +-- BadAccount        a user name, role, password or key cannot be accepted
        +-- BadJob            an unknown kind of job, or parameters it cannot take
        +-- UnknownRecord     no row has this id
        +-- WrongState        the thing exists, but not in a state that allows this
        +-- AlreadyServing    another supervisor holds this data root

Domain errors of the packages below are named by module and class, so that this module imports none of them.
"""

from dataclasses import dataclass


class WebappError(ValueError):
    """What every refusal of this package is."""


class BadSetting(WebappError):
    """A setting is out of range; the message names the variable to change."""


class BadAccount(WebappError):
    """An account or key cannot be made as asked."""


class BadJob(WebappError):
    """A job cannot be made as asked."""


class UnknownRecord(WebappError):
    """No row has this id."""


class WrongState(WebappError):
    """The state of the row does not allow what was asked."""


class AlreadyServing(WebappError):
    """Another supervisor holds this data root."""


@dataclass(frozen=True)
class Answer:
    """How an error is shown over HTTP."""

    status: int
    code: str
    title: str


DOMAIN_ROOTS = ("datasets.errors.DatasetError", "pipeline.errors.PipelineError", "webapp.errors.WebappError")
"""Errors below these carry a sentence for the user and are never worth a second try."""

ANSWERS: dict[str, Answer] = {
    "webapp.errors.UnknownRecord": Answer(404, "unknown_record", "Not found"),
    "webapp.errors.WrongState": Answer(409, "wrong_state", "Not possible in this state"),
    "webapp.errors.BadAccount": Answer(422, "bad_account", "Account not accepted"),
    "webapp.errors.BadJob": Answer(422, "bad_job", "Job not accepted"),
    "webapp.errors.BadSetting": Answer(500, "bad_setting", "Wrong setting"),
    "webapp.errors.AlreadyServing": Answer(503, "already_serving", "Already serving"),
    "webapp.errors.WebappError": Answer(400, "refused", "Request refused"),
    "datasets.errors.BadImage": Answer(422, "bad_image", "Image not readable"),
    "datasets.errors.BadArchive": Answer(422, "bad_archive", "Archive not accepted"),
    "datasets.errors.BadArrays": Answer(422, "bad_arrays", "Arrays not accepted"),
    "datasets.errors.BadDataset": Answer(422, "bad_dataset", "Data set not usable"),
    "datasets.errors.UnknownItem": Answer(404, "unknown_item", "Not found"),
    "datasets.errors.DamagedStore": Answer(500, "damaged_store", "Stored data is damaged"),
    "datasets.errors.DatasetError": Answer(422, "dataset_error", "Data not accepted"),
    "pipeline.errors.UnknownArtefact": Answer(404, "unknown_artefact", "Not found"),
    "pipeline.errors.BadClassifier": Answer(422, "bad_classifier", "Classifier not accepted"),
    "pipeline.errors.MissingWeights": Answer(422, "missing_weights", "Weights are missing"),
    "pipeline.errors.BadRecipe": Answer(422, "bad_recipe", "Recipe not accepted"),
    "pipeline.errors.BadPoison": Answer(422, "bad_poison", "Poisoning not accepted"),
    "pipeline.errors.BadAttack": Answer(422, "bad_attack", "Attack not accepted"),
    "pipeline.errors.BadDetector": Answer(422, "bad_detector", "Detector not accepted"),
    "pipeline.errors.NoReport": Answer(404, "no_report", "No report yet"),
    "pipeline.errors.NotEnoughClean": Answer(422, "not_enough_clean", "Too few clean images"),
    "pipeline.errors.BadCalibration": Answer(422, "bad_calibration", "Scans not accepted for calibration"),
    "pipeline.errors.BadGate": Answer(500, "bad_gate", "Gate not usable"),
    "pipeline.errors.BadRate": Answer(422, "bad_rate", "Rate not accepted"),
    "pipeline.errors.BadStrip": Answer(422, "bad_strip", "STRIP not accepted"),
    "pipeline.errors.BrokenHistory": Answer(409, "broken_history", "History is broken"),
    "pipeline.errors.NoHistory": Answer(404, "no_history", "No history"),
    "pipeline.errors.PipelineError": Answer(422, "pipeline_error", "Request not accepted"),
}


def _names(error: BaseException) -> list[str]:
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__]


def answer_for(error: BaseException) -> Answer | None:
    """How this error is answered, by its nearest named class; None for one that is no domain error."""
    return next((ANSWERS[name] for name in _names(error) if name in ANSWERS), None)


def is_domain_error(error: BaseException) -> bool:
    """Whether the error is a refusal with a sentence for the user, so that trying again cannot help."""
    return any(name in DOMAIN_ROOTS for name in _names(error))
