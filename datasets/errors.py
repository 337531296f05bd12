"""What can be wrong with data that somebody hands us.

DatasetError (a ValueError)
├── BadImage        one file cannot become an image: broken, too large, of another kind
├── BadArchive      a zip cannot be opened safely
├── BadArrays       an .npz, .h5 or IDX file does not hold images and labels
├── BadDataset      nothing to learn from: one class, one image, no usable file
├── UnknownItem     a name or a number that the data set does not hold
├── DamagedStore    our own file is not as we wrote it
└── JailFailure     the child process that reads an upload ended without an answer
    └── LimitReached    because it needed more memory or time than it is given
"""


class DatasetError(ValueError):
    """Root of everything that is wrong with data; its message is fit for the person who handed it in."""


class BadImage(DatasetError):
    """A file that cannot become an image."""


class BadArchive(DatasetError):
    """A zip archive that cannot be opened safely."""


class BadArrays(DatasetError):
    """A file of arrays that does not hold images and labels."""


class BadDataset(DatasetError):
    """A collection of images that nothing can be learnt from."""


class UnknownItem(DatasetError):
    """A name or a number that the data set does not hold."""


class DamagedStore(DatasetError):
    """A file of our own that is not as we wrote it."""


class JailFailure(DatasetError):
    """A child process that ended without an answer."""


class LimitReached(JailFailure):
    """A child process that needed more memory or time than it is given."""
