"""Single images that the commands of the poisoning lab show after their summary, as a run's page does."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datasets.progress import Progress, called
from datasets.store import Dataset
from pipeline.poisoning.answers import answers
from pipeline.poisoning.examples import (
    Said,
    Tested,
    Trained,
    example_tested,
    examples_trained,
    mixed,
    poisoned_items,
)
from pipeline.poisoning.triggers import Trigger
from pipeline.words import counted, percent

if TYPE_CHECKING:
    from pipeline.models.files import Classifier

MAX_SHOWN = 100


@dataclass(frozen=True)
class Examples:
    """Test images with what each model says, and training images that were flipped or stamped."""

    tests: Sequence[Tested]
    training: Sequence[Trained]

    def to_json(self) -> dict[str, object]:
        """Both lists as JSON values; nothing where nothing was asked for."""
        if not self.tests:
            return {}
        return {
            "tests": [one.to_json() for one in self.tests],
            "training": [one.to_json() for one in self.training],
        }

    def lines(self) -> Iterator[str]:
        """Both lists in words."""
        if not self.tests:
            return
        yield f"{counted(len(self.tests), 'test image')}, drawn by the seed:"
        for one in self.tests:
            yield f"  {one.index}  {one.name}, in truth {one.true}"
            yield from _table(one.said, one.triggered)
        yield f"{len(self.training)} of the training images that were changed:"
        for changed in self.training:
            done = " and ".join(["flipped"] * (changed.after != changed.before) + ["stamped"] * changed.stamped)
            yield f"  {changed.index}  {changed.name}, {done}: labelled {changed.after}, in truth {changed.before}"


def add_show(parser: ArgumentParser) -> None:
    """Declare how many single images are shown."""
    parser.add_argument(
        "--show",
        metavar="N",
        type=_shown,
        default=0,
        help="show N test images, drawn by the seed, with what each model says, and up to N of the training images that"
        f" were changed, with both labels; 0 to {MAX_SHOWN} (default: %(default)s)",
    )


def examples(
    n: int,
    clean: Dataset,
    poisoned: Dataset,
    models: "Mapping[str, Classifier]",
    *,
    seed: int,
    trigger: Trigger | None,
    progress: Progress,
) -> Examples:
    """So many test images, and up to so many training images; none for 0, where no model is asked.

    Args:
        n: how many.
        clean: the data set as it was.
        poisoned: the one that the lab made of it.
        models: the classifiers, by their words.
        seed: draws the test images, as on the page of a run.
        trigger: what the models are asked with as well; None for flips.
        progress: told as it goes.
    """
    if n == 0:
        return Examples((), ())
    rows, told = mixed(clean.indices("test"), seed)[:n], called(progress, "images to show")
    plain = answers(clean, models, rows=rows, progress=told)
    stamped = None if trigger is None else answers(clean, models, rows=rows, trigger=trigger, progress=told)
    tests = [example_tested(clean, plain, row, triggered=stamped) for row in range(len(rows))]
    return Examples(tests, examples_trained(clean, poisoned, poisoned_items(poisoned)[:n]))


def _shown(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > MAX_SHOWN:
        raise ArgumentTypeError(f"{text!r} images to show; give a whole number from 0 to {MAX_SHOWN}")
    return int(text)


def _table(said: Sequence[Said], triggered: Sequence[Said]) -> Iterator[str]:
    width = max(len(one.model) for one in said)
    beside = [f", with the trigger {_words(one)}" for one in triggered] or [""] * len(said)
    for one, more in zip(said, beside, strict=True):
        yield f"      {one.model:<{width}}  {_words(one)}{more}"


def _words(said: Said) -> str:
    return f"{said.class_name} {percent(said.probability)}{'' if said.right else ' (wrong)'}"
