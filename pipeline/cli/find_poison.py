"""`find-poison`: which training images of a data set look poisoned."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from datasets.atomic import write_json
from datasets.progress import Progress
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.cli.lab_training import add_seed, add_training, asked_of
from pipeline.poisoning.search_trainings import LEAST_STEPS, MOST_EPOCHS, N_FOLDS
from pipeline.provenance.opening import checked_dataset

if TYPE_CHECKING:
    from pipeline.poisoning.find import Suspects

NAME = "find-poison"
HELP = "ask every finder of poisoned training data about a data set, and list the suspects"

_SHOWN = 20


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the subject, who vouches for what, and what every alarm is measured by."""
    parser.add_argument("dataset", help="id of the suspected data set")
    parser.add_argument("classifier", help="id of the classifier that was trained on it")
    parser.add_argument("--trusted", help="id of a trusted subset; without one less is found")
    parser.add_argument(
        "--unpoisoned",
        metavar="CLASSIFIER",
        help="for a data set that the lab poisoned: id of a classifier of the data set before; every finder then tells"
        " what it flags there, all of it wrongly",
    )
    add_training(
        parser,
        whose=f"of the {N_FOLDS} classifiers of the folds; those of the trusted images alone are given at least as many"
        f" epochs as make {LEAST_STEPS} steps, up to {MOST_EPOCHS}",
    )
    add_seed(parser)


def run(args: Namespace, progress: Progress) -> Answer:
    """Ask, keep the list, and tell."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.find import Subject, find_poison
    from pipeline.poisoning.learned import check_learned
    from pipeline.poisoning.quick import judging_settings, quick_settings
    from pipeline.poisoning.search_trainings import search_trainings
    from pipeline.poisoning.trusted import open_trusted
    from pipeline.poisoning.truth import known_items

    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    classifier = open_classifier(root.find("models", args.classifier))
    check_learned(classifier.folder, dataset)
    trusted = open_trusted(root.find("trusted", args.trusted)) if args.trusted else None
    unpoisoned = None
    if args.unpoisoned:
        clean = _clean_parent(root, dataset)
        unpoisoned = Subject(clean, open_classifier(root.find("models", args.unpoisoned)))
        check_learned(unpoisoned.classifier.folder, clean)
    how = asked_of(args, judging_settings(quick_settings(dataset, seed=args.seed), dataset))
    trainings = search_trainings(
        how, len(dataset.indices("train")), 0 if trusted is None else len(trusted.rows(dataset))
    )
    suspects = find_poison(
        Subject(dataset, classifier),
        how,
        root,
        trusted=trusted,
        unpoisoned=unpoisoned,
        progress=progress,
    )
    truth = known_items(dataset, root)
    facts = {**suspects.to_json(truth), "trainings": trainings.to_json()}
    write_json(root.reports / dataset.id / "suspects.json", facts)
    return Answer(
        facts, [*filter(None, [suspects.not_learned]), f"Trained: {trainings.words}", *_lines(suspects, truth)]
    )


def _clean_parent(root: DataRoot, dataset: Dataset) -> Dataset:
    from pipeline.errors import BadPoison
    from pipeline.poisoning.poison import known_poison

    record = known_poison(dataset, root)
    if record is None:
        raise BadPoison(f"{dataset.name} was not poisoned here, so nobody knows it clean; leave --unpoisoned out")
    return checked_dataset(root.find("datasets", record.parent))


def _lines(suspects: "Suspects", poisoned: np.ndarray | None) -> Iterator[str]:
    n = len(suspects.rows)
    rates = {} if poisoned is None else suspects.rates(poisoned)
    width = max(len(name) for name in suspects.findings)
    for name, found in suspects.findings.items():
        said = [f"{name:<{width}}  flags {int(found.flagged.sum())} of {n} ({found.flagged.mean():.2%})"]
        if name in rates:
            said.append(f"of the poisoned {rates[name][0]}, of the others {rates[name][1]}")
        if name in suspects.clean:
            said.append(f"of the same data unpoisoned {suspects.clean[name]}")
        yield "; ".join(said)
    if poisoned is not None and not suspects.clean:
        yield (
            "These data were poisoned here: --unpoisoned CLASSIFIER, of one that learned from them before, tells what"
            " each finder flags there, all of it false alarms."
        )
    if suspects.trusted_id is None:
        yield "Nobody vouches for any image: flips near half and rare backdoors without a patch are not found."
    dataset, listed = suspects.subject.dataset, suspects.ranked()
    for index in listed[:_SHOWN]:
        item = dataset.items[index]
        yield f"{index:>7}  {dataset.classes[item.label]}  {item.name}"
    if len(listed) > _SHOWN:
        yield f"and {len(listed) - _SHOWN} more: in the report, or with --json"
