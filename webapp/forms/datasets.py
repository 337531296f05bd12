"""The form of a data set to be imported."""

from flask_wtf.file import FileRequired, MultipleFileField
from wtforms import BooleanField, IntegerField
from wtforms.validators import InputRequired, NumberRange

from webapp.forms.parts import NamedForm


class DatasetForm(NamedForm):
    """Files of a data set."""

    files = MultipleFileField(
        "File",
        [FileRequired("Choose a file.")],
        description=(
            "A zip with one folder a class (with or without train and test folders), an .npz or .h5 of arrays, "
            "or the MNIST IDX files of images and labels together. Scans for calibration alone need no folders. "
            "At most 4 GiB."
        ),
        render_kw={"accept": ".zip,.npz,.h5,.hdf5,.gz,.idx,.idx1-ubyte,.idx3-ubyte,.idx1,.idx3,.ubyte"},
    )
    seed = IntegerField(
        "Seed of the splits",
        [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")],
        default=0,
        description="The same file and seed give the same splits.",
    )
    unlabelled = BooleanField(
        "Clean scans without labels, for calibration alone",
        description=(
            "To recalibrate a detector on scans of your own, which nobody may have attacked. Folders are then no "
            "classes, nothing is divided, and no classifier can learn from them."
        ),
    )
