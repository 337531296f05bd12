"""`plant-backdoor`: what a trigger in the training images does to a classifier."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from datasets.atomic import write_json
from datasets.progress import Progress, called
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.cli.lab_examples import Examples, add_show, examples
from pipeline.cli.lab_training import add_seed, add_training, training
from pipeline.errors import BadPoison
from pipeline.poisoning.backdoor import DIRTY, LABELS, BackdoorRecipe, tested_trigger
from pipeline.poisoning.classes import class_number
from pipeline.poisoning.perturbation import METHODS, Perturbation
from pipeline.poisoning.poison import check_poison
from pipeline.poisoning.proxy import PROXY, note_proxy, proxy_training
from pipeline.poisoning.quick import quick_hardening
from pipeline.poisoning.triggers import KINDS, PATCH, Trigger
from pipeline.provenance.event import COMMAND_LINE
from pipeline.provenance.opening import checked_dataset

if TYPE_CHECKING:
    from pipeline.models.files import Classifier
    from pipeline.poisoning.backdoor_lab import BackdoorReport
    from pipeline.training.settings import TrainingSettings

NAME = "plant-backdoor"
HELP = "poison a data set with a trigger, train with and without it, and count how often it brings the target"

_PERTURBED = ("eps", "kappa", "steps", "share")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the data set, the trigger, the poisoning and the training."""
    parser.add_argument("dataset", help="id of a clean data set")
    parser.add_argument("--target", default="0", help="the class that the trigger shall bring (default: the first)")
    parser.add_argument("--rate", type=float, default=0.05, help="share of ALL training images (default: %(default)s)")
    parser.add_argument("--labels", choices=list(LABELS), default=DIRTY, help="default: %(default)s")
    parser.add_argument("--original", help="id of a classifier of the clean data set, instead of training one")
    mark = parser.add_argument_group("trigger")
    mark.add_argument("--trigger", choices=list(KINDS), default=PATCH, help="default: %(default)s")
    mark.add_argument("--side", type=int, help="of a square patch, in pixels (default: 2)")
    mark.add_argument("--height", type=int, help="of a patch, in pixels, beside --width (default: 2)")
    mark.add_argument("--width", type=int, help="of a patch, in pixels (default: 2)")
    mark.add_argument("--place", default="bottom-right", help="a corner, or row,column (default: %(default)s)")
    mark.add_argument("--value", type=float, default=1.0, help="of a patch: 0 black, 1 white (default: %(default)s)")
    mark.add_argument("--strength", type=float, default=1.0, help="in training images (default: %(default)s)")
    mark.add_argument("--test-strength", type=float, help="in test images (default: the same)")
    harder = parser.add_argument_group("perturbation", "of clean-label images, under a proxy")
    harder.add_argument("--perturb", choices=list(METHODS), help="what makes them hard to learn from")
    under = harder.add_mutually_exclusive_group()
    under.add_argument("--proxy", help="id of a classifier, best a hardened one")
    under.add_argument("--train-proxy", action="store_true", help="train a hardened one first, of the next seed")
    harder.add_argument("--eps", type=float, help="length of the change, Euclidean, with pixels in [0, 1] (default: 8)")
    harder.add_argument("--kappa", type=float, help="of cw: by how many logits the wrong class leads (default: 10)")
    harder.add_argument("--share", type=float, help="of interpolated: how far towards the other image (default: 1)")
    harder.add_argument("--steps", type=int, help="of the gradient (default: 100)")
    add_show(parser)
    add_training(parser)
    add_seed(parser)


def run(args: Namespace, progress: Progress) -> Answer:
    """Plant, train, try the trigger, and tell."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.backdoor_lab import run_backdoor_lab

    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    recipe, settings = _recipe(args, dataset), training(args, dataset)
    original, named = (
        open_classifier(root.find("models", name)) if name else None for name in (args.original, args.proxy)
    )
    proxy = _trained_proxy(dataset, recipe, settings, root, progress) if args.train_proxy else named
    report = run_backdoor_lab(
        dataset,
        recipe,
        settings,
        root,
        proxy=proxy,
        original=original,
        strength=args.test_strength,
        by=COMMAND_LINE,
        progress=progress,
    )
    write_json(root.reports / report.rows[0].poisoned.id / "backdoor.json", report.to_json())
    shown = _examples(args, report, progress)
    facts = {**report.to_json(), **shown.to_json()}
    return Answer(facts, [*filter(None, [report.not_learned]), *_lines(report), *shown.lines()])


def _recipe(args: Namespace, dataset: Dataset) -> BackdoorRecipe:
    if args.side is not None and (args.height, args.width) != (None, None):
        raise BadPoison("--side is the height and the width of a square patch; give --side, or --height and --width")
    usual = 2 if args.side is None else args.side
    height, width = (usual if one is None else one for one in (args.height, args.width))
    trigger = Trigger(
        kind=args.trigger,
        height=height,
        width=width,
        place=args.place,
        value=args.value,
        strength=args.strength,
        seed=args.seed,
    )
    given = {name: getattr(args, name) for name in _PERTURBED if getattr(args, name) is not None}
    if args.perturb is None and (given or args.proxy or args.train_proxy):
        told = ", ".join(f"--{name}" for name in (*_PERTURBED, "proxy"))
        raise BadPoison(f"{told} or --train-proxy without --perturb; give --perturb {' or '.join(METHODS)} as well")
    return BackdoorRecipe(
        trigger=trigger,
        target=class_number(dataset, args.target),
        rate=args.rate,
        labels=args.labels,
        perturbation=None if args.perturb is None else Perturbation(method=args.perturb, **given),
        seed=args.seed,
    )


def _trained_proxy(
    dataset: Dataset, recipe: BackdoorRecipe, usual: "TrainingSettings", root: DataRoot, progress: Progress
) -> "Classifier":
    """A hardened classifier, trained once nothing speaks against the recipe."""
    from pipeline.training.train import train_classifier

    check_poison(dataset, recipe, proxy=(PROXY, dataset.classes))
    how = proxy_training(usual, quick_hardening(dataset))
    told = called(progress, PROXY)
    made = train_classifier(dataset, how, root.models, work=root.work, name=PROXY, by=COMMAND_LINE, progress=told)
    note_proxy(root, made.id, dataset.id, how)
    return made


def _examples(args: Namespace, report: "BackdoorReport", progress: Progress) -> Examples:
    row = report.rows[0]
    models = {"clean model": report.side.classifier, **{one.what: one.side.classifier for one in report.rows}}
    trigger = tested_trigger(row.recipe, args.test_strength)
    return examples(args.show, report.clean, row.poisoned, models, seed=args.seed, trigger=trigger, progress=progress)


def _lines(report: "BackdoorReport") -> Iterator[str]:
    counted = report.rates
    yield (
        f"{counted.n} of {counted.n_train} training images poisoned: {counted.of_all:.2%} of all,"
        f" {counted.of_target:.2%} of those labelled as the target"
    )
    rows = [("clean model", report.side.classifier.id, report.original)]
    rows += [(row.what, row.side.classifier.id, row.success) for row in report.rows]
    width = max(len(what) for what, _, _ in rows)
    yield f"{'model':<{width}}  {'classifier':<16}  {'accuracy':<28}  {'trigger brings the target':<28}  without it"
    for what, classifier_id, told in rows:
        yield (
            f"{what:<{width}}  {classifier_id:<16}  {told.accuracy!s:<28}  {told.success!s:<28}  {told.without_trigger}"
        )
    for row in report.rows:
        yield f"{row.poisoned.id}  data set: {row.what}"
