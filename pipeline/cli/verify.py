"""`verify`: whether artefacts are what their signed histories say."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from datasets.progress import Progress
from pipeline.artefacts import DataRoot
from pipeline.cli.command import Answer
from pipeline.errors import UnknownArtefact
from pipeline.provenance.manifest import FILES
from pipeline.provenance.record import artefact
from pipeline.provenance.signing import verifying_key
from pipeline.provenance.verification import Verification, verify

NAME = "verify"
HELP = "check every image, label and weight against its signed history; exit status 0 where all are whole, else 1"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the artefacts, and the key to check with."""
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="ids of data sets, classifiers, adversarial sets, detectors or gates"
    )
    parser.add_argument("--all", action="store_true", help="everything under the data root")
    parser.add_argument("--key", type=Path, metavar="FILE", help="a public key that was kept elsewhere, in PEM")


def run(args: Namespace, progress: Progress) -> Answer:
    """Verify one after the other."""
    root = DataRoot(args.root)
    if bool(args.ids) == args.all:
        raise UnknownArtefact("give the ids of what is to be verified, or --all")
    folders = _everything(root) if args.all else [artefact(root, one) for one in args.ids]
    key = None if args.key is None else verifying_key(root, args.key)
    found = [verify(folder, root, key=key, progress=progress) for folder in folders]
    facts = {"ok": all(one.ok for one in found), "artefacts": [{**asdict(one), "ok": one.ok} for one in found]}
    return Answer(facts, [line for one in found for line in _lines(one)], 0 if facts["ok"] else 1)


def _everything(root: DataRoot) -> list[Path]:
    root.check_there()
    homes = (root.path / kind for kind in FILES)
    found = [path for home in homes if home.is_dir() for path in sorted(home.iterdir()) if path.name[0] != "."]
    if not found:
        raise UnknownArtefact(f"nothing to verify under {root.path}; name another root")
    return found


def _lines(one: Verification) -> list[str]:
    if not one.ok:
        return [f"{one.subject}: NOT WHOLE", *(f"  {told}" for told in one.differences)]
    pace = f"{one.n_files / one.seconds:,.0f} a second" if one.seconds else "at once"
    events = f"{one.n_events} event{'' if one.n_events == 1 else 's'}"
    return [f"{one.subject}: whole, {events}, {one.n_files} images and files, {pace}"]
