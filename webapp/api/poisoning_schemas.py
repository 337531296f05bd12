"""What the API takes and gives of the poisoning lab, with defaults, limits and examples."""

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range
from marshmallow import ValidationError, validates_schema

from pipeline.poisoning.backdoor import DIRTY, LABELS
from pipeline.poisoning.flips import KINDS, MAX_RATIO, ONE_WAY
from pipeline.poisoning.perturbation import METHODS, PGD, Perturbation
from pipeline.poisoning.triggers import KINDS as TRIGGERS
from pipeline.poisoning.triggers import PATCH
from webapp.api.learned_schema import Learned
from webapp.api.order_schemas import NAME, SEED

_ID = Length(1, 64)
_STRENGTH = Range(0, 1, min_inclusive=False, error="A strength is above 0 and at most 1.")


def _class(description: str, **more: Any) -> String:
    """A class, which the data set names."""
    return String(validate=Length(1, 200), metadata={"description": f"{description}, by its name or number."}, **more)


class _Asked(Schema):
    """What every run of the lab is asked."""

    dataset_id = String(required=True, validate=_ID, metadata={"description": "A clean data set with labels."})
    epochs = Integer(
        load_default=None,
        allow_none=True,
        validate=Range(1, 500),
        metadata={"description": "Of every training; null: what suits the size of the images."},
    )


class NewTextbook(_Asked):
    """The textbook's backdoor, of which nothing has to be chosen but the data set."""

    name = String(
        load_default=None,
        allow_none=True,
        validate=NAME,
        metadata={"description": "Null: that of the data set, with what it is."},
    )


class _NewRun(_Asked):
    """What every run is asked that is put together."""

    name = String(required=True, validate=NAME)
    original_id = String(
        load_default=None,
        allow_none=True,
        validate=_ID,
        metadata={"description": "A classifier of the clean data set, in place of training one."},
    )
    seed = Integer(load_default=0, validate=SEED)


class NewFlips(_NewRun):
    """Labels to be flipped, and both classifiers to be compared."""

    kind = String(
        load_default=ONE_WAY,
        validate=OneOf(list(KINDS)),
        metadata={"description": "; ".join(f"{name}: {words}" for name, words in KINDS.items()) + "."},
    )
    source = _class("The class that is flipped from; of one_way and pairwise", load_default=None, allow_none=True)
    target = _class("The class that it is flipped to; of the same two", load_default=None, allow_none=True)
    ratio = Float(
        load_default=0.2,
        validate=Range(0, MAX_RATIO),
        metadata={"description": "Share of the training images of every class that is flipped from, 0 to 0.5."},
    )


class TriggerAsked(Schema):
    """What is laid on images."""

    kind = String(load_default=PATCH, validate=OneOf(list(TRIGGERS)))
    height = Integer(load_default=2, validate=Range(1, 2048))
    width = Integer(load_default=2, validate=Range(1, 2048))
    place = String(
        load_default="bottom-right",
        validate=Length(1, 20),
        metadata={"description": "A corner, or row,column of the upper left pixel."},
    )
    value = Float(load_default=1.0, validate=Range(0, 1), metadata={"description": "0 is black, 1 is white."})
    strength = Float(load_default=1.0, validate=_STRENGTH)
    seed = Integer(load_default=0, validate=SEED, metadata={"description": "Of the pattern of a blend."})


class PerturbationAsked(Schema):
    """What makes clean-label images hard to learn from."""

    method = String(load_default=PGD, validate=OneOf(list(METHODS)))
    eps = Float(load_default=Perturbation.eps, validate=Range(0.001, 1000))
    kappa = Float(load_default=Perturbation.kappa, validate=Range(0, 1000))
    steps = Integer(load_default=Perturbation.steps, validate=Range(1, 1000))
    share = Float(load_default=Perturbation.share, validate=Range(0.01, 1))


class NewBackdoor(_NewRun):
    """A trigger to be planted, and the classifiers to be compared."""

    trigger = Nested(TriggerAsked, load_default=lambda: {})
    target = _class("The class that the trigger shall bring", load_default="0")
    rate = Float(
        load_default=0.05,
        validate=Range(0, 0.5, min_inclusive=False),
        metadata={"description": "Share of ALL training images; the report tells that of the target class as well."},
    )
    labels = String(load_default=DIRTY, validate=OneOf(list(LABELS)))
    perturbation = Nested(
        PerturbationAsked,
        load_default=None,
        allow_none=True,
        metadata={"description": "Of clean-label images; the same without it is trained beside, as control."},
    )
    proxy_id = String(
        load_default=None,
        allow_none=True,
        validate=_ID,
        metadata={"description": "The classifier that images are perturbed under, best a hardened one."},
    )
    train_proxy = Boolean(
        load_default=False,
        metadata={"description": "Have the run train a hardened one first, in place of naming one."},
    )
    strength = Float(
        load_default=None,
        allow_none=True,
        validate=_STRENGTH,
        metadata={"description": "Of the trigger on test images; null: as in training."},
    )

    @validates_schema
    def name_one_proxy(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a proxy that is named where one shall be trained."""
        if data["train_proxy"] and data["proxy_id"] is not None:
            raise ValidationError("A proxy is named already; leave out one of proxy_id and train_proxy.", "train_proxy")


class RunTold(Learned):
    """What a run found."""

    id = String()
    name = String()
    lab = String(validate=OneOf(["flips", "backdoor"]))
    dataset_id = String()
    poisoned_id = String(metadata={"description": "Flips only: the data set with flipped labels."})
    classes = List(String())
    recipe = Dict(metadata={"description": "Flips only: what was flipped; a backdoor has one in each row."})
    warning = String(allow_none=True, metadata={"description": "Flips only: from 45 % on, what cannot be known."})
    n_flipped = Integer()
    n_train = Integer()
    pairs = List(Dict(), metadata={"description": "Flips only: recall of each flipped class, and its cell."})
    original = Dict(metadata={"description": "The clean model: classifier_id, report, predicted, history."})
    poisoned = Dict(metadata={"description": "Flips only: the same of the poisoned model."})
    rates = Dict(metadata={"description": "Backdoors only: how much was poisoned, of all and of the target class."})
    strength = Float(metadata={"description": "Backdoors only: of the trigger on test images."})
    rows = List(
        Dict(),
        metadata={"description": "Backdoors only: each poisoned model, with accuracy, success and without_trigger."},
    )
    analysis = List(String())
    replay = Dict(
        allow_none=True,
        metadata={
            "description": "What came of the last replay: at, by, same, and of each of its sets what, dataset_id, "
            "replayed_id, same, n_differences and the first differences, and classifiers: of each that was trained "
            "again classifier_id, name, learned_from, replayed_id, same, n (test images), accuracy, accuracy_again, "
            "n_otherwise (test images that the two call otherwise) and n_threads. same_weights says whether all of "
            "these are the same; null: none was trained again. Null as a whole: never replayed."
        },
    )
    made_before_by = Dict(
        metadata={
            "description": "Of each data set whose record names another recipe, which changes the same images alike: "
            "what that one has otherwise."
        }
    )


class Replay(Schema):
    """What a replay does besides making the data again."""

    train_again = Boolean(
        load_default=False,
        metadata={
            "description": "Train the run's classifiers again as well, by the settings in their notes. It takes as "
            "long as the run did. On one machine with as many threads the weights repeat to the last bit, elsewhere "
            "they may not."
        },
    )


REPLAY_EXAMPLE = {"train_again": True}
FLIPS_EXAMPLE = {"dataset_id": "0123456789abcdef", "name": "20 % of 4 as 9", "source": "4", "target": "9", "ratio": 0.2}
TEXTBOOK_EXAMPLE = {"dataset_id": "0123456789abcdef"}
BACKDOOR_EXAMPLE = {
    "dataset_id": "0123456789abcdef",
    "name": "2x2 white, 5 %",
    "trigger": {"kind": "patch", "height": 2, "width": 2, "place": "bottom-right", "value": 1.0},
    "target": "0",
    "rate": 0.05,
    "labels": "clean",
    "perturbation": {"method": "pgd", "eps": 5.0, "steps": 100},
    "proxy_id": "fedcba9876543210",
}
