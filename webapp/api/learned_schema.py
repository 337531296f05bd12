"""Whether the models behind an answer learned anything, as the API tells it."""

from apiflask import Schema
from apiflask.fields import Dict, List, String


class Learned(Schema):
    """What the models of a run, a search or a repair learned."""

    not_learned = String(
        allow_none=True, metadata={"description": "Which model is no better than chance, and what to do; null: none."}
    )
    learning = List(
        Dict(),
        metadata={
            "description": "Of each model: who, images, accuracy (with interval), largest_class, above_chance, step."
        },
    )
