"""The form of images that somebody vouches for."""

from collections.abc import Iterable, Mapping

from werkzeug.datastructures import MultiDict
from wtforms import IntegerField, SelectMultipleField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange

from pipeline.poisoning.trusted import ENOUGH, LEAST
from webapp.forms.parts import ScangateForm

MAX_PER_CLASS = 100
"""Fewer say too little of a class; more do not fit a page that somebody looks through."""

_NUMBER = InputRequired("Give a number.")


class DrawForm(ScangateForm):
    """Which images are proposed; it changes nothing, so that it is asked by address and needs no token."""

    class Meta:
        """Taken from the address."""

        csrf = False

    per_class = IntegerField(
        "Images of each class",
        [_NUMBER, NumberRange(LEAST, MAX_PER_CLASS, f"Use {LEAST} to {MAX_PER_CLASS}.")],
        default=ENOUGH,
        description=f"{ENOUGH} vouched for in each class are enough to tell flipped labels.",
        render_kw={"min": LEAST, "max": MAX_PER_CLASS},
    )
    seed = IntegerField(
        "Draw",
        [_NUMBER, NumberRange(0, 2**31 - 1, "Use 0 or more.")],
        default=0,
        description="The same number draws the same images.",
        render_kw={"min": 0},
    )


class VouchForm(ScangateForm):
    """The images that were ticked, of those that were shown."""

    items = SelectMultipleField("Images", coerce=int)

    def suit(self, shown: Iterable[int]) -> None:
        """Accept the images that are shown, and no others: nobody vouches for what they did not see."""
        self.items.choices = [SelectChoice(index, str(index)) for index in shown]

    def ticked(self) -> set[int]:
        """What was ticked."""
        return set(self.items.data or ())


def draw_asked(address: Mapping[str, str]) -> DrawForm:
    """The draw that an address asks for; what it leaves out is as usual."""
    usual = {"per_class": str(ENOUGH), "seed": "0"}
    return DrawForm(MultiDict({**usual, **{name: address[name] for name in usual if name in address}}))
