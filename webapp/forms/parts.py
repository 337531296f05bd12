"""Fields and checks that several forms share."""

from collections.abc import Iterable
from typing import Any, ClassVar

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.form import BaseForm
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


class _Words:
    """What the fields say of numbers that they cannot read, with what to do about it."""

    _SAID: ClassVar[dict[str, str]] = {
        "Not a valid integer value.": "This is no whole number; give digits alone, such as 10.",
        "Not a valid float value.": "This is no number; give digits, with a point before decimals, such as 0.5.",
    }

    def gettext(self, text: str) -> str:
        """Our words in place of the library's."""
        return self._SAID.get(text, text)

    def ngettext(self, one: str, several: str, n: int) -> str:
        """The library's own words, by number."""
        return one if n == 1 else several


class ScangateForm(FlaskForm):
    """A form whose fields say what to do about what they refuse."""

    class Meta(FlaskForm.Meta):
        """How the fields speak."""

        def get_translations(self, form: BaseForm) -> _Words:
            """The same words in every language."""
            return _Words()


class NamedForm(ScangateForm):
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
    """Let a field choose among these artefacts; what the poisoning lab made comes last, and is not what is preset."""
    rows = sorted(artefacts, key=lambda row: bool(row.facts.get("lab")))
    field.choices = choices_of((row.id, f"{row.name} ({row.id[:8]}){_remark(row)}") for row in rows)
    if chosen and not field.data:
        field.data = chosen


def _remark(row: Artefact) -> str:
    return ", made by the poisoning lab: for study" if row.facts.get("lab") else ""
