"""`replay-poison`: whether a poisoned data set of the lab is what its record makes, and its classifiers as well."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.opening import checked_dataset
from pipeline.words import percent

if TYPE_CHECKING:
    from pipeline.poisoning.replay import Replayed
    from pipeline.poisoning.retraining import Retrained

NAME = "replay-poison"
HELP = (
    "make a poisoned data set of the lab again from its record, train classifiers of it again where they are named, "
    "and tell whether the ids are the same; keeps nothing"
)

_DIFFERENT = 1


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the data set, and what is trained again; all else stands in their records."""
    parser.add_argument("dataset", help="id of a data set that the lab poisoned")
    parser.add_argument(
        "--classifier",
        action="append",
        default=[],
        metavar="ID",
        help="train this classifier again as well, by the settings in its notes: one that learned from the data set, or"
        " from the clean one; may be given several times, and takes as long as the run did",
    )


def run(args: Namespace, progress: Progress) -> Answer:
    """Make it again, train again what is named, and compare."""
    from pipeline.poisoning.replay import replay

    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    folders = [root.find("models", one) for one in args.classifier]
    told = replay(dataset, root, classifiers=folders, progress=progress)
    same = told.same and all(one.same for one in told.retrained)
    return Answer(told.to_json(), list(_lines(told)), 0 if same else _DIFFERENT)


def _lines(told: "Replayed") -> Iterator[str]:
    from pipeline.poisoning.replay import DIFFERENCES_TOLD

    record = told.record
    under = "" if record.proxy is None else f" under the proxy {record.proxy}"
    said = "the same data set" if told.same else f"ANOTHER data set than {told.dataset.id}: the record does not tell it"
    if not told.same and record.proxy is not None:
        said += ", or its images were perturbed on a machine that rounds otherwise"
    if told.proxy_replayed_id is not None:
        same = "with the same weights" if told.proxy_replayed_id == record.proxy else f"as {told.proxy_replayed_id}"
        yield f"the proxy {record.proxy} is gone and was trained again, {same}"
    yield f"{told.replayed_id}  made again from {record.parent}{under}: {said}"
    more = len(told.differences) - DIFFERENCES_TOLD
    yield from (f"  {one}" for one in told.differences[:DIFFERENCES_TOLD])
    if more > 0:
        yield f"  and {more} more"
    yield from (_trained(one) for one in told.retrained)


def _trained(one: "Retrained") -> str:
    threads = f"{one.n_threads} thread{'' if one.n_threads == 1 else 's'}"
    if one.same:
        return f"{one.replayed_id}  {one.name}, trained again: the same weights ({threads})"
    shares = [percent(right / one.n) for right in (one.n_right, one.n_right_again)] if one.n else ["unknown"] * 2
    return (
        f"{one.replayed_id}  {one.name}, trained again: OTHER weights than {one.classifier_id} ({threads}); "
        f"{one.n_otherwise} of {one.n} test images are called otherwise, accuracy {shares[0]} before and {shares[1]} "
        "now; on another machine, or with other threads, that is no proof that the record is wrong"
    )
