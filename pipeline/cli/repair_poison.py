"""`repair-poison`: without the confirmed images, or with their true labels, and a classifier trained anew."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from typing import Any, cast

from datasets.atomic import read_json
from datasets.progress import Progress
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.arguments import seed
from pipeline.cli.command import Answer
from pipeline.cli.lab_training import add_training, asked_of
from pipeline.cli.mark_trusted import items
from pipeline.errors import BadPoison
from pipeline.models.spec import check_side
from pipeline.poisoning.relabelling import FORM, numbered, relabelled
from pipeline.poisoning.trusted import TrustedSubset, open_trusted
from pipeline.provenance.event import COMMAND_LINE
from pipeline.provenance.opening import checked_dataset

NAME = "repair-poison"
HELP = "drop or relabel confirmed images, train anew, and compare with the classifier of before; asks the finder again"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what is confirmed and what is done about it."""
    parser.add_argument("dataset", help="id of the poisoned data set")
    parser.add_argument("classifier", help="id of the classifier that was trained on it")
    parser.add_argument("--drop", type=items, default=[], help="numbers of images, with commas between")
    parser.add_argument(
        "--relabel",
        type=named,
        default={},
        help=f"image and true class, by its name or number, with commas between, such as {FORM}",
    )
    parser.add_argument(
        "--suspects",
        choices=("drop", "relabel"),
        help="do this to everything that find-poison flagged, as if all of it were confirmed",
    )
    parser.add_argument("--cleared", type=items, default=[], help="suspects that nothing is done to")
    parser.add_argument(
        "--trusted",
        help="id of a trusted subset, which the finder is shown both times; with --suspects that of the search",
    )
    add_training(parser, usual="as the classifier of before was trained")
    parser.add_argument("--seed", type=seed, help="of the trainings (default: that of the classifier of before)")


def named(text: str) -> dict[int, str]:
    """Images and their classes, as 17:2,40:glioma.

    Raises:
        ArgumentTypeError: a part is not of that form.
    """
    try:
        return relabelled(text)
    except BadPoison as e:
        raise ArgumentTypeError(str(e)) from e


def run(args: Namespace, progress: Progress) -> Answer:
    """Repair, train as the classifier of before was, ask the finder about both, and tell what was gained."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.find import Subject
    from pipeline.poisoning.learned import check_learned
    from pipeline.poisoning.quick import settings_like
    from pipeline.poisoning.repair import check_repair, check_vouched, repair
    from pipeline.poisoning.repaired import compare_repair
    from pipeline.poisoning.reverify import Reverified, ask_finder

    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    before = open_classifier(root.find("models", args.classifier))
    check_learned(before.folder, dataset, imported=True)
    trusted = _trusted(root, args.trusted)
    listed = _listed(root, dataset, before.id, trusted) if args.suspects else {}
    trusted = trusted or _trusted(root, listed.get("trusted_id"))
    drop, relabel = _changes(args, dataset, listed, set() if trusted is None else set(trusted.rows(dataset).tolist()))
    check_repair(dataset, drop=drop, relabel=relabel)
    if trusted is not None:
        check_vouched(trusted, dataset, [*drop, *relabel])
    if not len(dataset.indices("test")):
        raise BadPoison(f"{dataset.name} has no test image to compare the classifiers on; choose another data set")
    how = asked_of(args, settings_like(before.notes, dataset))
    check_side(how.architecture, how.size, how.size)
    name = f"{dataset.name}, repaired"
    made = repair(dataset, root.datasets, name=name, drop=drop, relabel=relabel, by=COMMAND_LINE, progress=progress)
    report = compare_repair(dataset, made, before, how, root, by=COMMAND_LINE, progress=progress)
    after = report.after.classifier
    flagged = [
        ask_finder(one, how, root, root, trusted=trusted, progress=progress)
        for one in (Subject(dataset, before), Subject(made, after))
    ]
    alike = before.notes.get("settings") == after.notes.get("settings")
    trusted_id = None if trusted is None else trusted.id
    told = Reverified(dataset, report, flagged[0], flagged[1], alike=alike, trusted_id=trusted_id)
    made_lines = [f"{made.id}  {made.name}", f"{after.id}  {after.name}"]
    return Answer(told.to_json(), [*filter(None, [told.not_learned]), *made_lines, *told.analysis])


def _changes(
    args: Namespace, dataset: Dataset, listed: Mapping[str, Any], vouched: set[int]
) -> tuple[set[int], dict[int, int]]:
    """What is dropped and what is relabelled: the suspects, but for what was named otherwise or is vouched for."""
    drop, relabel = set(args.drop), numbered(args.relabel, dataset)
    spared = {*args.drop, *args.relabel, *args.cleared, *vouched}
    for one in listed.get("suspects", ()):
        index, suggested = one["index"], one["suggested"]
        if index in spared or "fused" not in one["flagged_by"]:
            continue
        if args.suspects == "relabel" and suggested is not None and suggested != dataset.items[index].label:
            relabel[index] = suggested
        else:
            drop.add(index)
    return drop, relabel


def _trusted(root: DataRoot, trusted_id: str | None) -> TrustedSubset | None:
    return None if trusted_id is None else open_trusted(root.find("trusted", trusted_id))


def _listed(root: DataRoot, dataset: Dataset, classifier_id: str, trusted: TrustedSubset | None) -> Mapping[str, Any]:
    """What the last search of these data wrote; of another classifier or trusted subset it is not taken."""
    file = root.reports / dataset.id / "suspects.json"
    if not file.exists():
        raise BadPoison(f"nobody looked for poison in {dataset.name} yet; run find-poison first")
    told = cast("dict[str, Any]", read_json(file))
    asked = {"classifier": classifier_id, "trusted subset": trusted.id if trusted else told["trusted_id"]}
    found = {"classifier": told["classifier_id"], "trusted subset": told["trusted_id"]}
    for what, one in asked.items():
        if one != found[what]:
            raise BadPoison(
                f"the last search for poison in {dataset.name} was with the {what} {found[what] or 'left out'}, not"
                f" with {one}; name the former, or run find-poison with the latter"
            )
    return told
