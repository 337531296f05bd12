"""Arguments that are more than a word: what they must look like, said when they do not."""

import math
from argparse import ArgumentTypeError

MAX_SEED = 2**32 - 1  # What numpy and torch both take.


def seed(text: str) -> int:
    """A seed of random numbers.

    Raises:
        ArgumentTypeError: no whole number from 0 to `MAX_SEED`.
    """
    if not text.isascii() or not text.isdecimal() or int(text) > MAX_SEED:
        raise ArgumentTypeError(f"{text!r} is no seed; give a whole number from 0 to {MAX_SEED}")
    return int(text)


def numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between.

    Raises:
        ArgumentTypeError: a part is no finite number.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError as e:
        raise ArgumentTypeError(f"{text!r}: give a number for each channel, as 0.485,0.456,0.406") from e
    if not all(map(math.isfinite, found)):
        raise ArgumentTypeError(f"{text!r} holds what is no finite number; give one for each channel, as 0.5")
    return found
