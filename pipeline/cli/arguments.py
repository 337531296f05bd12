"""Arguments that are more than a word: what they must look like, said when they do not."""

import math
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict

from datasets.errors import BadDataset
from datasets.splits import Shares

MAX_SEED = 2**32 - 1  # What numpy and torch both take.


def add_device(parser: ArgumentParser) -> None:
    """Declare where a classifier runs; `pipeline.models.device` says which names there are."""
    parser.add_argument(
        "--device",
        default="cpu",
        help="where the classifier runs: cpu, cuda, cuda:1, or auto, a GPU where there is one (default: %(default)s)",
    )


def seed(text: str) -> int:
    """A seed of random numbers.

    Raises:
        ArgumentTypeError: no whole number from 0 to `MAX_SEED`.
    """
    if not text.isascii() or not text.isdecimal() or int(text) > MAX_SEED:
        raise ArgumentTypeError(f"{text!r} is no seed; give a whole number from 0 to {MAX_SEED}")
    return int(text)


def radius(text: str) -> float:
    """A radius in pixel fractions.

    Raises:
        ArgumentTypeError: neither a number nor a fraction.
    """
    try:
        whole, *parts = text.split("/")
        return float(whole) / float(*parts) if parts else float(whole)
    except (ValueError, TypeError, ZeroDivisionError) as e:
        raise ArgumentTypeError(f"{text!r} is no number; give one such as 4/255 or 0.0157") from e


def numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between.

    Raises:
        ArgumentTypeError: a part is no finite number.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError as e:
        raise ArgumentTypeError(f"{text!r}: give numbers with commas between, as 0.485,0.456,0.406") from e
    if not all(map(math.isfinite, found)):
        raise ArgumentTypeError(f"{text!r} holds what is no finite number; give numbers such as 0.5")
    return found


def shares(text: str) -> Shares:
    """Shares of the splits, as train=.6,val=0: those that are not named keep their usual one.

    Raises:
        ArgumentTypeError: an unknown or repeated split, or a share that is no number of at least 0.
    """
    usual = asdict(Shares())
    given: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if name not in usual or name in given:
            raise ArgumentTypeError(f"{part!r}: give each split once, as train=.6,val=0; splits are {', '.join(usual)}")
        try:
            given[name] = float(number)
        except ValueError as e:
            raise ArgumentTypeError(f"{number!r} is no share of {name}; give a number, as {name}=.2") from e
    try:
        return Shares(**{**usual, **given})
    except BadDataset as e:
        raise ArgumentTypeError(str(e)) from e
