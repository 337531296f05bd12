"""Forms of screening: the scan, and the reason for looking behind a verdict."""

from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from webapp.forms.parts import ScangateForm, file_field


class ScanForm(ScangateForm):
    """A scan to be screened."""

    image = file_field(
        "Scan",
        "PNG, JPEG, TIFF, BMP or single-frame DICOM, at most 64 MiB. Use the original file, not a screenshot.",
        accept=".png,.jpg,.jpeg,.tif,.tiff,.bmp,.dcm,image/*,application/dicom",
    )


class OverrideForm(ScangateForm):
    """Why somebody wants to see a class that the gate withholds."""

    reason = TextAreaField(
        "Reason",
        [DataRequired("Say why."), Length(min=10, max=1000, message="Use 10 to 1,000 signs.")],
        description="10 to 1,000 signs. It is kept with your name and the time, and administrators read it.",
        render_kw={"rows": 3},
    )
