"""`replay-poison`: whether a poisoned data set of the lab is what its record makes."""

from argparse import ArgumentParser, Namespace

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.provenance.opening import checked_dataset

NAME = "replay-poison"
HELP = "make a poisoned data set of the lab again from its record, and tell whether it has the same id; keeps nothing"

_DIFFERENT = 1


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the data set; all else stands in its record."""
    parser.add_argument("dataset", help="id of a data set that the lab poisoned")


def run(args: Namespace, progress: Progress) -> Answer:
    """Make it again, and compare."""
    from pipeline.poisoning.replay import DIFFERENCES_TOLD, replay

    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    told = replay(dataset, root, progress=progress)
    record = told.record
    under = "" if record.proxy is None else f" under the proxy {record.proxy}"
    said = "the same data set" if told.same else f"ANOTHER data set than {dataset.id}: the record does not tell it"
    if not told.same and record.proxy is not None:
        said += ", or its images were perturbed on a machine that rounds otherwise"
    lines = [f"{told.replayed_id}  made again from {record.parent}{under}: {said}"]
    more = len(told.differences) - DIFFERENCES_TOLD
    lines += [f"  {one}" for one in told.differences[:DIFFERENCES_TOLD]]
    lines += [f"  and {more} more"] if more > 0 else []
    return Answer(told.to_json(), lines, 0 if told.same else _DIFFERENT)
