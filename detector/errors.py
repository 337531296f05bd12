"""What can go wrong when a detector is fitted or asked.

DetectorError (ValueError)
├── EvidenceMissing   a finder of poison is not shown what it looks at
├── FeatureMismatch   tensors that belong together differ in size
├── NotEnoughSamples  too few images to fit or to judge
├── NotFinite         what was measured of an image holds NaN or infinity
├── NotFitted         a method is asked for a score before it has learned
└── NotEnoughClean    too few clean calibration images for the false-alarm rate asked for
"""


class DetectorError(ValueError):
    """Anything wrong with what a detector was given."""


class EvidenceMissing(DetectorError):
    """A finder of poison is not shown what it looks at."""


class FeatureMismatch(DetectorError):
    """Tensors that belong together differ in size."""


class NotEnoughSamples(DetectorError):
    """Too few images to fit or to judge."""


class NotFinite(DetectorError):
    """What was measured of an image holds NaN or infinity."""


class NotFitted(DetectorError):
    """A method is asked for a score, or for its state, before it has learned."""


class NotEnoughClean(DetectorError):
    """Too few clean calibration images for the false-alarm rate asked for.

    Attributes:
        supported_alpha: The smallest offered rate that the images do support, None where there is none.
    """

    def __init__(self, message: str, *, supported_alpha: float | None = None) -> None:
        super().__init__(message)
        self.supported_alpha = supported_alpha
