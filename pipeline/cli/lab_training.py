"""How the commands of the poisoning lab train: quickly, unless they are told otherwise."""

from argparse import ArgumentParser, Namespace

from datasets.store import Dataset
from pipeline.cli.arguments import seed
from pipeline.training.settings import TrainingSettings

_NAMED = ("architecture", "size", "epochs", "batch_size", "seed")


def add_training(
    parser: ArgumentParser,
    *,
    usual: str = "what suits the images' size",
    whose: str = "of every classifier of the run",
) -> None:
    """Declare what is most often set of a training; the rest is what `usual` says."""
    how = parser.add_argument_group("training", f"{whose}; left out, {usual}")
    how.add_argument("--architecture", help="a registered architecture")
    how.add_argument("--size", type=int, help="side of the square that it sees, in pixels")
    how.add_argument("--epochs", type=int, help="at most so many epochs")
    how.add_argument("--batch-size", type=int, help="images a step")


def add_seed(parser: ArgumentParser) -> None:
    """Declare the seed of a run."""
    parser.add_argument(
        "--seed", type=seed, default=0, help="of the poisoning and of the trainings (default: %(default)s)"
    )


def training(args: Namespace, dataset: Dataset) -> TrainingSettings:
    """The settings for this data set.

    Raises:
        BadTraining: a value outside its range.
    """
    from pipeline.poisoning.quick import quick_settings

    return asked_of(args, quick_settings(dataset, seed=args.seed))


def asked_of(args: Namespace, usual: TrainingSettings) -> TrainingSettings:
    """Settings with what was asked otherwise.

    Raises:
        BadTraining: a value outside its range.
    """
    given = {name: getattr(args, name) for name in _NAMED if getattr(args, name) is not None}
    return TrainingSettings.from_json({**usual.to_json(), **given})
