"""`mark-trusted`: training images that somebody vouches for."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from pathlib import Path

from datasets.atomic import replacing
from datasets.progress import Progress
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer
from pipeline.errors import BadPoison
from pipeline.pictures import shown_png
from pipeline.poisoning.trusted import ENOUGH, mark_trusted, proposed
from pipeline.provenance.opening import checked_dataset

NAME = "mark-trusted"
HELP = "vouch for the pictures and labels of some training images; look at them first"

_NAME_SHOWN = 60


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the data set and which of its images."""
    parser.add_argument("dataset", help="id of the data set")
    parser.add_argument("--by", help="who vouches for them; needed but with --propose")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--items", type=items, help="numbers of the images, with commas between")
    which.add_argument(
        "--per-class", type=int, default=ENOUGH, metavar="N", help="so many of each class (default: %(default)s)"
    )
    parser.add_argument("--except", dest="without", type=items, default=[], help="numbers that nobody vouches for")
    parser.add_argument("--propose", action="store_true", help="list them to be looked at, and mark nothing")
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="with --propose: write them there as PNG, named by item and class",
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the images drawn (default: %(default)s)")


def items(text: str) -> list[int]:
    """Numbers of images with commas between.

    Raises:
        ArgumentTypeError: a part is no whole number.
    """
    parts = [part.strip() for part in text.split(",")]
    if wrong := [part for part in parts if not part.isdecimal()]:
        raise ArgumentTypeError(f"{wrong[0]!r} is no number of an image; give such as 3,17,240")
    return [int(part) for part in parts]


def run(args: Namespace, progress: Progress) -> Answer:
    """Mark the images, or list them."""
    if args.pictures is not None and not args.propose:
        raise BadPoison("--pictures goes with --propose: look at the images first, then vouch for them")
    if not (args.by or args.propose):
        raise BadPoison("nobody is named who vouches for these images; give --by NAME, or --propose to list them")
    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    rows = args.items or proposed(dataset, args.per_class, seed=args.seed).tolist()
    if strange := sorted(set(args.without) - set(rows)):
        raise BadPoison(f"image {strange[0]} is not among those to be vouched for; --propose lists them")
    rows = [index for index in rows if index not in set(args.without)]
    if args.propose:
        return _proposed(dataset, rows, args.pictures)
    marked = mark_trusted(dataset, rows, root.trusted, by=args.by)
    counts = Counter(dataset.classes[label] for _, _, label in marked.images)
    each = ", ".join(f"{counts[name]} of {name}" for name in dataset.classes)
    facts_marked = {"id": marked.id, "dataset_id": dataset.id, "by": marked.by, "at": marked.at, "counts": dict(counts)}
    return Answer(facts_marked, [f"{marked.id}  {len(marked.images)} images vouched for by {marked.by}: {each}"])


def _proposed(dataset: Dataset, rows: list[int], folder: Path | None) -> Answer:
    """The images to be looked at, and where: as files where a folder is named for them."""
    facts: list[dict[str, object]] = []
    for index in rows:
        item = dataset.items[index]
        facts.append({"index": index, "name": item.name, "label": dataset.classes[item.label]})
    lines = [f"{one['index']:>7}  {one['label']}  {one['name']}" for one in facts]
    if folder is None:
        lines.append(
            "Look at each picture before you vouch for it: --pictures FOLDER writes them as PNG, and the page"
            f" /trusted-subsets/new/{dataset.id} of the web application shows them."
        )
        return Answer({"dataset_id": dataset.id, "items": facts}, lines)
    for index, one in zip(rows, facts, strict=True):
        one["picture"] = str(_written(dataset, index, folder))
    lines.append(
        f"{len(facts)} pictures lie in {folder.absolute()}, named by item and class. Look at each, then vouch with the"
        " same arguments and --by NAME in place of --propose, and --except for those that do not show their class."
    )
    return Answer({"dataset_id": dataset.id, "items": facts}, lines)


def _written(dataset: Dataset, index: int, folder: Path) -> Path:
    """The file of a picture, named by item and class."""
    item = dataset.items[index]
    # A class may be called anything, also what no file is called.
    name = re.sub(r"[^0-9A-Za-z._-]+", "_", dataset.classes[item.label]).strip("._") or f"class-{item.label}"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{index:06d}-{name[:_NAME_SHOWN]}.png"
    with replacing(file) as beside:
        beside.write_bytes(shown_png(dataset.levels(index), item.bits))
    return file
