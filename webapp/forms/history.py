"""Forms of histories: why somebody vouches for an artefact, and what its export cannot know."""

from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from pipeline.provenance.croissant import SAID, said_of
from pipeline.provenance.event import REASON_LEAST, REASON_MOST
from webapp.forms.parts import ScangateForm

_SIGNS = f"{REASON_LEAST} to {REASON_MOST:,}"
_LENGTH = Length(max=REASON_MOST)


class TrustForm(ScangateForm):
    """Why somebody vouches for an artefact as it is."""

    why = TextAreaField(
        "Reason",
        [DataRequired("Say what you looked at."), Length(REASON_LEAST, REASON_MOST, f"Use {_SIGNS} signs.")],
        description=(
            f"What was looked at, by whom, and how, in {_SIGNS} signs. It is signed with your name and the time, and "
            "stays."
        ),
        render_kw={"rows": 4},
    )


class CroissantForm(ScangateForm):
    """What only people know of a data set; it changes nothing, so that it is asked by address and needs no token."""

    class Meta:
        """Taken from the address."""

        csrf = False

    license = StringField("Licence", [Optional(), _LENGTH], description=f"{SAID['license'].capitalize()}.")
    creator = StringField("Creator", [Optional(), _LENGTH], description=f"{SAID['creator'].capitalize()}.")
    url = StringField("Address", [Optional(), _LENGTH], description=f"{SAID['url'].capitalize()}.")
    cite = StringField("Citation", [Optional(), _LENGTH], description=f"{SAID['cite'].capitalize()}.")

    def said(self) -> dict[str, str]:
        """What was given, by Croissant's own names."""
        return said_of(self.data)
