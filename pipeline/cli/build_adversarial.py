"""`build-adversarial`: an adversarial set against a classifier."""

import json
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from datasets.progress import Progress
from pipeline.adversarial.recipe import DEFAULT_RECIPE, Recipe
from pipeline.artefacts import DataRoot
from pipeline.attacks.budget import FP32, PRECISIONS
from pipeline.cli.arguments import add_device
from pipeline.cli.command import Answer
from pipeline.errors import BadRecipe
from pipeline.provenance.event import COMMAND_LINE
from pipeline.provenance.opening import checked_dataset

NAME = "build-adversarial"
HELP = "attack a data set's images to make an adversarial set; run again, it goes on where it stopped"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the parents and the recipe."""
    parser.add_argument("dataset", help="id of the data set")
    parser.add_argument("classifier", help="id of the classifier")
    parser.add_argument("--name", default="adversarial", help="what to call it (default: %(default)s)")
    parser.add_argument("--recipe", type=Path, help="recipe as JSON (default: all five attacks at 1, 2, 4 and 8/255)")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="of the attacks' gradients, in place of the recipe's; success is judged in fp32 (default: the recipe's)",
    )
    add_device(parser)


def run(args: Namespace, progress: Progress) -> Answer:
    """Build the set and count what became of each cell."""
    from pipeline.adversarial.build import build_adversarial
    from pipeline.models.files import open_classifier

    root = DataRoot(args.root)
    dataset = checked_dataset(root.find("datasets", args.dataset))
    classifier = open_classifier(root.find("models", args.classifier))
    recipe = _recipe(args.recipe) if args.recipe else DEFAULT_RECIPE
    if args.precision is not None:
        recipe = replace(recipe, precision=args.precision)
    built = build_adversarial(
        dataset,
        classifier,
        recipe,
        root.adversarial,
        work=root.work,
        name=args.name,
        device=args.device,
        by=COMMAND_LINE,
        progress=progress,
    )
    lines = [f"{built.id}  {built.name}: {built.n} rows"]
    if built.recipe.precision != FP32:
        each = (f"{attack} in {precision}" for attack, precision in _precisions(built.recipe).items())
        lines.append(f"  gradients: {', '.join(each)}")
    for fit in built.fitted:
        lines.append(
            f"  fitted {fit['attack']} ({fit['region']}) on {fit['n_images']} images of split {fit['split']}: "
            f"{fit['n_fooled']} of them fooled"
        )
    for count in built.counts:
        lines.append(
            f"  {count['split']:<9} {count['attack']:<9} eps {count['eps']:.4f} {count['region']:<5}: "
            f"{count['success']} of {count['attacked']} fool the classifier on the file"
        )
    facts: dict[str, object] = {"id": built.id, "folder": str(built.folder), "n": built.n}
    facts |= {"precision": _precisions(built.recipe), "device": built.device, "counts": list(built.counts)}
    # The perturbations themselves stay in the manifest: too long to print.
    fitted = [{name: value for name, value in fit.items() if name != "params"} for fit in built.fitted]
    return Answer({**facts, "fitted": fitted}, lines)


def _precisions(recipe: Recipe) -> dict[str, str]:
    """The precision that the gradients of each attack were really of."""
    return {attack.NAME: attack.gradients_in(recipe.precision) for attack in recipe.cells()}


def _recipe(path: Path) -> Recipe:
    try:
        return Recipe.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise BadRecipe(f"{path} is no JSON in UTF-8: {e}; save the recipe as such") from e
