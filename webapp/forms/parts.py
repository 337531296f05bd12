"""Fields and checks that several forms share."""

from collections.abc import Iterable
from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.records.artefacts import Artefact


def choices_of(pairs: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """Choices from pairs of value and words."""
    return [SelectChoice(value, words) for value, words in pairs]


class _Box(CheckboxInput):
    """A box that may stay empty: a browser takes "required" on one box of several as required of that very box."""

    validation_attrs = ["disabled"]  # noqa: RUF012 - declared so by WTForms.


class MultiCheckboxField(SelectMultipleField):
    """Several of some choices, as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = _Box()


class NamedForm(FlaskForm):
    """A form that names what it makes."""

    name = StringField(
        "Name",
        [DataRequired("Give it a name."), Length(max=120, message="Use at most 120 signs.")],
        description="How it is called in lists.",
    )


def file_field(label: str, description: str, *, accept: str = "", several: bool = False) -> FileField:
    """A field for a file that must be given."""
    attributes: dict[str, Any] = {"accept": accept} if accept else {}
    if several:
        attributes["multiple"] = True
    return FileField(label, [FileRequired("Choose a file.")], description=description, render_kw=attributes)


def artefact_field(label: str, description: str = "") -> SelectField:
    """A field for one artefact; its choices are set by `offer`."""
    return SelectField(label, [DataRequired("Choose one.")], description=description)


def offer(field: SelectField, artefacts: Iterable[Artefact], *, chosen: str | None = None) -> None:
    """Let a field choose among these artefacts."""
    field.choices = choices_of((row.id, f"{row.name} ({row.id[:8]})") for row in artefacts)
    if chosen and not field.data:
        field.data = chosen
