"""The form of an API key to be made."""

from wtforms import IntegerField, RadioField
from wtforms.validators import InputRequired, NumberRange

from webapp.forms.parts import NamedForm, choices_of


class KeyForm(NamedForm):
    """An API key."""

    scope = RadioField(
        "What it opens",
        choices=choices_of([("screen", "Screening only"), ("admin", "Every step of an administrator")]),
        default="screen",
    )
    days = IntegerField(
        "Days until it ends",
        [InputRequired("Give a number."), NumberRange(1, 3650, "Use 1 to 3,650.")],
        default=365,
    )
