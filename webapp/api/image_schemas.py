"""What the API takes and gives of the images of data sets."""

from apiflask import Schema
from apiflask.fields import Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range

from datasets.splits import DROPPED, SPLITS


class ImagesAsked(Schema):
    """Which images to list."""

    page = Integer(load_default=1, validate=Range(1, 1_000_000))
    label = String(
        load_default="", validate=Length(0, 200), metadata={"description": "A class, by name or number; empty: all."}
    )
    split = String(load_default="", validate=OneOf(["", *SPLITS, DROPPED]), metadata={"description": "Empty: all."})


class ListedImage(Schema):
    """An image under its label."""

    index = Integer()
    name = String()
    label = String()
    split = String()
    image = String(metadata={"description": "Where its picture is read."})


class ImagesTold(Schema):
    """A page of images."""

    items = List(Nested(ListedImage))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()
