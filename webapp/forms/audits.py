"""The form of an audit: a classifier first, then the clean images that it is asked about."""

from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange

from webapp.forms.parts import NamedForm, ScangateForm, artefact_field
from webapp.jobs.audit import MOST_IMAGES, N_IMAGES


class AuditedForm(ScangateForm):
    """The choice of a classifier; it changes nothing, so that it is asked by address and needs no token."""

    class Meta:
        """Taken from the address."""

        csrf = False

    classifier = artefact_field("Classifier", "Trained here or imported, of three classes or more. It stays as it is.")


class AuditForm(NamedForm):
    """How a classifier is audited."""

    dataset_id = artefact_field("Data set", "Of the classifier's classes. Its test images are used: best clean ones.")
    n_images = IntegerField(
        "Images",
        [InputRequired("Give a number."), NumberRange(1, MOST_IMAGES, f"Use 1 to {MOST_IMAGES:,}.")],
        default=N_IMAGES,
        description="So many test images, drawn by the seed. More take longer and say more.",
    )
    seed = IntegerField(
        "Seed",
        [InputRequired("Give a number."), NumberRange(0, 2**31 - 1, "Use 0 or more.")],
        default=0,
        description="Of images and search: the same seed gives the same audit.",
    )
