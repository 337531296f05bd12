"""Forms of histories: why somebody vouches for an artefact, and what its export cannot know."""

from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from webapp.forms.parts import ScangateForm

LEAST, MOST = 10, 1_000


class TrustForm(ScangateForm):
    """Why somebody vouches for an artefact as it is."""

    why = TextAreaField(
        "Reason",
        [DataRequired("Say what you looked at."), Length(LEAST, MOST, f"Use {LEAST} to {MOST:,} signs.")],
        description="What was looked at, by whom, and how. It is signed with your name and the time, and stays.",
        render_kw={"rows": 4},
    )


class CroissantForm(ScangateForm):
    """What only people know of a data set; it changes nothing, so that it is asked by address and needs no token."""

    class Meta:
        """Taken from the address."""

        csrf = False

    license = StringField("Licence", [Optional(), Length(max=MOST)], description="Its address.")
    creator = StringField("Creator", [Optional(), Length(max=MOST)], description="The organisation that made it.")
    url = StringField("Address", [Optional(), Length(max=MOST)], description="Where the data set is described.")
    cite = StringField("Citation", [Optional(), Length(max=MOST)], description="What to cite for it.")

    def said(self) -> dict[str, str]:
        """What was given, by Croissant's own names."""
        return said_of(self.data)


def said_of(given: dict[str, str | None]) -> dict[str, str]:
    """What was given of a data set, by Croissant's own names."""
    words = {"license": "license", "creator": "creator", "url": "url", "cite": "citeAs"}
    return {word: value.strip() for name, word in words.items() if (value := given.get(name)) and value.strip()}
