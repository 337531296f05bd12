"""What the detector package refuses, said as what the pipeline refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

from detector import errors as detector_errors
from pipeline.errors import BadDetector, NotEnoughClean


@contextmanager
def as_pipeline_errors() -> Iterator[None]:
    """Turn errors of `detector` inside the block into the pipeline's, message and cause kept.

    Raises:
        NotEnoughClean: where the detector's own was raised.
        BadDetector: for every other `DetectorError`.
    """
    try:
        yield
    except detector_errors.NotEnoughClean as e:
        raise NotEnoughClean(str(e), supported_alpha=e.supported_alpha) from e
    except detector_errors.DetectorError as e:
        raise BadDetector(str(e)) from e
