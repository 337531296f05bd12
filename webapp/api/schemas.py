"""What the API takes and gives, for checking and for its document."""

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range, Regexp

from datasets.splits import SPLITS
from pipeline.attacks.registry import ATTACKS
from pipeline.detection.settings import DetectorSettings
from pipeline.training.settings import TrainingSettings
from webapp.forms.adversarial import PER_CELL
from webapp.forms.classifiers import ARCHITECTURES, HEADS

NAME = (Length(1, 120), Regexp(r"\s*\S", error="The name is blank; give it a name."))
SEED = Range(0, 2**31 - 1)
_ID = Length(1, 64)


class ErrorBody(Schema):
    """Why something was refused, and what to do next."""

    code = String()
    title = String()
    detail = String()
    next_step = String()
    reference = String()


class Problem(Schema):
    """A refusal."""

    error = Nested(ErrorBody)


class Screened(Schema):
    """A decision."""

    id = String()
    verdict = String(validate=OneOf(["clean", "adversarial", "uncertain", "not_screened"]))
    reason = String()
    p_value = Float(allow_none=True)
    alpha = Float(allow_none=True)
    alpha_uncertain = Float(allow_none=True)
    band = List(Float(), allow_none=True)
    n_calibration = Integer(allow_none=True)
    prediction = Dict(allow_none=True, metadata={"description": "Class and probability; null unless clean."})
    attack = Dict(allow_none=True, metadata={"description": "Family, type and probabilities of a suspected attack."})
    models = Dict(metadata={"description": "Ids and SHA-256 of gate, classifier and detector."})
    input_sha256 = String()
    file_type = String(allow_none=True)
    latency_ms = Float(allow_none=True)
    name = String()
    created = String()


class PageOf(Schema):
    """Which page to give."""

    page = Integer(load_default=1, validate=Range(1, 1_000_000))
    verdict = String(load_default="", validate=OneOf(["", "clean", "adversarial", "uncertain", "not_screened"]))


class ListOf(Schema):
    """Which page to give."""

    page = Integer(load_default=1, validate=Range(1, 1_000_000))


class ScreenedRow(Screened):
    """One row of a page; of its own name, since the document holds each name once."""


class ScreenedPage(Schema):
    """A page of decisions."""

    items = List(Nested(ScreenedRow))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class Uploaded(Schema):
    """A file that has arrived."""

    id = String()
    name = String()
    sha256 = String()
    size = Integer()


class ArtefactTold(Schema):
    """A data set, classifier, adversarial set, detector or gate."""

    id = String()
    kind = String()
    name = String()
    state = String()
    parents = List(String())
    facts = Dict()
    created = String()
    active = Boolean(metadata={"description": "Gates only: whether it screens now."})


class ArtefactRow(ArtefactTold):
    """One row of a page; of its own name, since the document holds each name once."""


class ArtefactPage(Schema):
    """A page of artefacts."""

    items = List(Nested(ArtefactRow))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class JobTold(Schema):
    """A job and how far it is."""

    id = Integer()
    kind = String()
    state = String()
    fraction = Float()
    message = String()
    error = String(allow_none=True)
    eta_s = Float(allow_none=True)
    elapsed_s = Float(allow_none=True)
    artefact_id = String(allow_none=True)
    url = String()


class JobRow(JobTold):
    """One row of a page; of its own name, since the document holds each name once."""


class JobPage(Schema):
    """A page of jobs."""

    items = List(Nested(JobRow))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class NewDataset(Schema):
    """A data set to be imported from an upload."""

    upload_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    seed = Integer(load_default=0, validate=SEED)


class NewClassifier(Schema):
    """A classifier: trained, or imported where an upload is named."""

    dataset_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    architecture = String(load_default="SequentialCNN", validate=OneOf([name for name, _ in ARCHITECTURES]))
    side = Integer(load_default=TrainingSettings().size, validate=Range(16, 512))
    channels = Integer(load_default=1, validate=OneOf([1, 3]))
    upload_id = String(load_default=None, allow_none=True, validate=_ID)
    head = String(load_default="logits", validate=OneOf([name for name, _ in HEADS]))
    mean = Float(load_default=None, allow_none=True, validate=Range(-1e6, 1e6))
    std = Float(load_default=None, allow_none=True, validate=Range(1e-6, 1e6))
    epochs = Integer(load_default=TrainingSettings().epochs, validate=Range(1, 500))
    seed = Integer(load_default=0, validate=SEED)


class NewAdversarialSet(Schema):
    """An adversarial set to be built."""

    dataset_id = String(required=True, validate=_ID)
    classifier_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    attacks = List(
        String(validate=OneOf(list(ATTACKS))),
        load_default=lambda: ["fgsm", "bim", "pgd", "mim", "cw"],
        validate=Length(1, 20),
    )
    eps = List(
        Float(validate=Range(0, 1, min_inclusive=False, error="eps is a pixel fraction within (0, 1], such as 8/255.")),
        load_default=lambda: [n / 255 for n in (1, 2, 4, 8)],
        validate=Length(1, 20),
    )
    per_cell = Integer(load_default=PER_CELL, validate=Range(1, 100_000))
    seed = Integer(load_default=0, validate=SEED)


class NewDetector(Schema):
    """A detector to be trained."""

    adversarial_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    epochs = Integer(load_default=DetectorSettings().epochs, validate=Range(1, 500))
    draws = Integer(load_default=DetectorSettings().draws, validate=Range(1, 1_000_000))
    seed = Integer(load_default=0, validate=SEED)


class NewCalibration(Schema):
    """A detector to be made anew with thresholds from clean scans."""

    dataset_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    splits = List(
        String(validate=OneOf(SPLITS)),
        load_default=list,
        validate=Length(0, len(SPLITS)),
        metadata={"description": "Splits of the data set; all of its scans where none is named."},
    )
    alpha = Float(
        load_default=None,
        allow_none=True,
        validate=Range(0.0001, 0.5),
        metadata={"description": "The false-alarm rate wanted; null: 1 %, or the smallest that the scans support."},
    )


class NewGate(Schema):
    """A gate to be released."""

    detector_id = String(required=True, validate=_ID)
    name = String(required=True, validate=NAME)
    alpha = Float(load_default=0.01, validate=Range(0.0001, 0.5))
    alpha_uncertain = Float(
        load_default=None,
        allow_none=True,
        validate=Range(0.0001, 0.5),
        metadata={"description": "Up to this p-value a scan is uncertain; null: twice alpha."},
    )


def page_json(items: list[Any], number: int, n_pages: int, n_total: int) -> dict[str, Any]:
    """A page as JSON."""
    return {"items": items, "page": number, "n_pages": n_pages, "n_total": n_total}
