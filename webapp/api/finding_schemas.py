"""What the API takes and gives of trusted subsets and of searches for poison, with defaults, limits and examples."""

from typing import Any

from apiflask import Schema
from apiflask.fields import Dict, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range
from marshmallow import ValidationError, validates_schema

from pipeline.poisoning.search_trainings import LEAST_STEPS, MOST_EPOCHS
from pipeline.poisoning.trusted import ENOUGH, LEAST
from webapp.api.learned_schema import Learned
from webapp.api.order_schemas import NAME, SEED
from webapp.forms.trusted import MAX_PER_CLASS
from webapp.queries.suspects import ANY, DECISIONS, FINDERS, FUSED
from webapp.records.suspects import Ruling
from webapp.suspects import UNDO

_ID = Length(1, 64)
_FINDERS = OneOf([*FINDERS, ANY])
_ITEM = Integer(strict=True, validate=Range(0, 2**31 - 1))
_PAGE = Range(1, 1_000_000)


def _optional_id(description: str) -> String:
    return String(load_default=None, allow_none=True, validate=_ID, metadata={"description": description})


class ProposalAsked(Schema):
    """Which images to propose."""

    dataset_id = String(required=True, validate=_ID)
    per_class = Integer(load_default=ENOUGH, validate=Range(LEAST, MAX_PER_CLASS))
    seed = Integer(load_default=0, validate=SEED)


class ImageTold(Schema):
    """A training image under its label."""

    index = Integer()
    name = String()
    label = String()


class Proposal(Schema):
    """Images to be looked at; nobody vouches for them yet."""

    dataset_id = String()
    items = List(Nested(ImageTold))


class NewTrustedSubset(Schema):
    """Images that the key's owner looked at and vouches for."""

    dataset_id = String(required=True, validate=_ID)
    items = List(
        _ITEM,
        required=True,
        validate=Length(1, 100_000),
        metadata={"description": f"Training images, by number: at least {LEAST} of every class, best {ENOUGH}."},
    )


class TrustedTold(Schema):
    """A trusted subset."""

    id = String()
    name = String()
    dataset_id = String()
    by = String()
    at = String()
    counts = Dict(metadata={"description": "How many of each class."})
    items = List(Integer(), metadata={"description": "Those that stand in the data set as they were vouched for."})


class NewFinding(Schema):
    """A data set to be looked through for poison."""

    dataset_id = String(required=True, validate=_ID, metadata={"description": "With labels; it stays as it is."})
    classifier_id = String(
        required=True, validate=_ID, metadata={"description": "A classifier that was trained on this very data set."}
    )
    name = String(required=True, validate=NAME)
    trusted_id = _optional_id(
        "A trusted subset of this data set, or of one that it was made from; without, less is found."
    )
    unpoisoned_id = _optional_id(
        "For a data set that the lab poisoned: a classifier of the data before. Null: one that was trained by the same "
        "settings as the other, else one is trained so."
    )
    epochs = Integer(
        load_default=None,
        allow_none=True,
        validate=Range(1, 500),
        metadata={
            "description": "Of the classifiers of the folds; null: what suits the size of the images. Those of the "
            f"trusted images alone are given at least as many as make {LEAST_STEPS} steps, up to {MOST_EPOCHS}."
        },
    )


class FindingTold(Learned):
    """What the finders flag; the suspects are listed apart."""

    id = String()
    name = String()
    dataset_id = String()
    classifier_id = String()
    trusted_id = String(allow_none=True)
    classes = List(String())
    n = Integer(metadata={"description": "Training images."})
    n_suspects = Integer(metadata={"description": "That any finder flags."})
    n_poisoned = Integer(allow_none=True, metadata={"description": "Known of data of the lab alone."})
    unpoisoned = Dict(allow_none=True, metadata={"description": "Data set and classifier of the same data unpoisoned."})
    finders = Dict(
        metadata={
            "description": "By name: flagged, and where they are known flagged_unpoisoned, true_positives and "
            "false_positives, each as value, low, high (Wilson, 95 %), n_hit and n; facts of the finder."
        }
    )
    decisions = Dict(metadata={"description": "How many suspects are undecided, and how many of each decision."})
    trainings = Dict(
        metadata={
            "description": "What was trained meanwhile: folds and reference, each n_classifiers, n_images, epochs."
        }
    )


class SuspectsAsked(Schema):
    """Which suspects to list."""

    page = Integer(load_default=1, validate=_PAGE)
    finder = String(load_default=FUSED, validate=_FINDERS)
    decision = String(load_default=ANY, validate=OneOf([ANY, *map(str, DECISIONS)]))


class SuspectTold(Schema):
    """An image that a finder flags."""

    item = Integer()
    name = String()
    label = String()
    suggested = String(allow_none=True, metadata={"description": "The class that it may be of; null: no other one."})
    score = Float(
        metadata={"description": "Of the finder that is listed, of fused for any; higher is more suspicious."}
    )
    scores = Dict(
        metadata={"description": "Of every finder that was asked, by its name; of an old search fused alone."}
    )
    image = String(metadata={"description": "Where its picture is read."})
    flagged_by = List(String())
    decision = String(allow_none=True, validate=OneOf([str(one) for one in Ruling]))
    decided_label = String(allow_none=True)
    by = String(allow_none=True)
    at = String(allow_none=True)


class SuspectPage(Schema):
    """A page of suspects, the most suspicious first."""

    items = List(Nested(SuspectTold))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class NewDecisions(Schema):
    """What is decided of some suspects."""

    decision = String(required=True, validate=OneOf([*map(str, Ruling), UNDO]))
    items = List(
        _ITEM,
        load_default=None,
        allow_none=True,
        validate=Length(1, 100_000),
        metadata={"description": "Suspects by number; what was decided of them before is replaced."},
    )
    finder = String(
        load_default=None,
        allow_none=True,
        validate=_FINDERS,
        metadata={"description": "In place of items: all undecided ones that it flags (with undo: all decided ones)."},
    )
    label = String(
        load_default=None,
        allow_none=True,
        validate=Length(1, 200),
        metadata={
            "description": "The true class of relabelled images, by name or number; null: the suggested one of each."
        },
    )

    @validates_schema
    def name_some(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse an order that names nothing, or two things."""
        if (data["items"] is None) == (data["finder"] is None):
            raise ValidationError("Name either items or a finder.", "items")
        if data["label"] is not None and data["decision"] != Ruling.RELABEL:
            raise ValidationError("Only what is relabelled takes a class; leave it out.", "label")


class DecidedTold(Schema):
    """What came of it."""

    n_decided = Integer()
    n_left = Integer(metadata={"description": "That have no other class suggested, or had nothing to undo."})
    decisions = Dict(metadata={"description": "How many suspects are undecided now, and how many of each decision."})


TRUSTED_EXAMPLE = {"dataset_id": "0123456789abcdef", "items": [3, 17, 240, 251, 9, 44, 61, 77]}
FINDING_EXAMPLE = {
    "dataset_id": "0123456789abcdef",
    "classifier_id": "fedcba9876543210",
    "name": "Digits of spring",
    "trusted_id": "00112233445566aa",
}
DECISIONS_EXAMPLE = {"decision": "relabel", "items": [17, 240], "label": "4"}
