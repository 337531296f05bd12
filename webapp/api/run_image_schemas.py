"""What the API takes and gives of the images of a run of the poisoning lab."""

from apiflask import Schema
from apiflask.fields import Boolean, Float, Integer, List, Nested, String
from apiflask.validators import OneOf, Range

from webapp.api.order_schemas import SEED
from webapp.queries.poisoned_images import ALL, CHANGED, POISONED

_PAGE = Range(1, 1_000_000)


class RunTestsAsked(Schema):
    """Which test images to list."""

    page = Integer(load_default=1, validate=_PAGE)
    which = String(
        load_default=ALL,
        validate=OneOf([ALL, CHANGED]),
        metadata={"description": "changed: those that the models call differently, with any trigger on."},
    )
    seed = Integer(load_default=0, validate=SEED, metadata={"description": "Draws their order."})
    item = Integer(
        load_default=None,
        allow_none=True,
        validate=Range(0, 2**31 - 1),
        metadata={"description": "One image by its number, in place of a draw; which, seed and page say nothing then."},
    )


class RunTrainingAsked(Schema):
    """Which training images to list."""

    page = Integer(load_default=1, validate=_PAGE)
    which = String(
        load_default=POISONED,
        validate=OneOf([POISONED, ALL]),
        metadata={"description": "poisoned: those that were flipped or stamped."},
    )


class ModelSaid(Schema):
    """What one model says of one image."""

    model = String()
    predicted = String(metadata={"description": "A class."})
    probability = Float(metadata={"description": "Of that class."})
    right = Boolean(metadata={"description": "Whether it is the true class."})


class RunTestImage(Schema):
    """A test image, which no model learned from and nobody changed."""

    index = Integer()
    name = String()
    label = String(metadata={"description": "Its class; test images are never flipped."})
    models = List(Nested(ModelSaid), metadata={"description": "Of the image as it is, the clean model's first."})
    with_trigger = List(
        Nested(ModelSaid),
        allow_none=True,
        metadata={"description": "Backdoors only: of the same with the trigger on; null for flips."},
    )
    image = String(metadata={"description": "Where its picture is read."})
    image_with_trigger = String(allow_none=True, metadata={"description": "Backdoors only; null for flips."})


class RunTests(Schema):
    """A page of test images."""

    items = List(Nested(RunTestImage))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class RunTrainingImage(Schema):
    """A training image as the poisoned model was given it."""

    index = Integer()
    name = String()
    label = String(metadata={"description": "That the poisoned model was given."})
    true_label = String(metadata={"description": "That it has in the clean data set."})
    flipped = Boolean(metadata={"description": "Whether both differ."})
    stamped = Boolean(metadata={"description": "Whether it carries the trigger."})
    image = String(metadata={"description": "Where its picture is read, as the poisoned model was given it."})
    image_clean = String(metadata={"description": "The same as it was."})
    image_difference = String(
        allow_none=True,
        metadata={"description": "What was changed, amplified around mid grey; null where nothing was."},
    )


class RunTraining(Schema):
    """A page of training images."""

    items = List(Nested(RunTrainingImage))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()
